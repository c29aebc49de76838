"""Views that are no DRF views and only read: other methods are answered in the API's form."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from webhooks_platform.api.errors import ApiError
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
        detail = "Only GET and HEAD are answered here."
        allowed = {"Allow": ", ".join(METHODS)}
        return respond(ApiError(405, "method_not_allowed", detail, allowed))

    return checked
