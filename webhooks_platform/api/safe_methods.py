"""Views that are no DRF views and only read: other methods are answered in the API's form."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from webhooks_platform.api import errors
from webhooks_platform.api.exceptions import respond

View = Callable[[HttpRequest], HttpResponse]
METHODS = ("GET", "HEAD")


def only_safe(view: View) -> View:
    """Let a view answer GET and HEAD alone."""

    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.method in METHODS:
            return view(request)
        return respond(errors.method_not_allowed(*METHODS))

    return checked
