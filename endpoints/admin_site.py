"""The admin's site: Django's own, with what holds for every page of it."""

from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect


class PlatformAdminConfig(AdminConfig):
    """Django's admin, served by PlatformAdminSite."""

    default_site = "endpoints.admin_site.PlatformAdminSite"


class PlatformAdminSite(AdminSite):
    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Guard a view; whoever may see it gets 400 for a NUL, which PostgreSQL cannot hold."""

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if any("\0" in text for _, texts in request.GET.lists() for text in texts):
                raise BadRequest("A NUL in the query.")
            return view(request, *args, **kwargs)

        return super().admin_view(checked, cacheable)

    def get_urls(self) -> list[Any]:
        """Return Django's, but for the way to objects' own pages on a site: there are none."""
        return [
            found for found in super().get_urls() if getattr(found, "name", "") != "view_on_site"
        ]

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Change one's own password; audited as it is when an operator changes it."""
        # Models can be imported only when the site is in use.
        from endpoints.audit import Actor  # noqa: PLC0415
        from endpoints.memberships import record_user  # noqa: PLC0415

        with transaction.atomic():
            answer = super().password_change(request, extra_context)
            if request.method == "POST" and isinstance(answer, HttpResponseRedirect):
                who: Any = request.user
                by = Actor(who.get_username(), request.META.get("REQUEST_ID"))
                record_user("user.updated", who, actor=by, changed=["password"])
        return answer
