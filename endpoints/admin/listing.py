"""The list of a model, with links only to what its reader may open."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import NoReverseMatch


class ScopedChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        admin: Any = self.model_admin
        admin.mark_for(request, list(self.result_list))

    def url_for_result(self, result: Any) -> str:
        """Raise what makes Django show the text alone, for a row whose page is closed."""
        if result.closed:
            raise NoReverseMatch
        return str(super().url_for_result(result))
