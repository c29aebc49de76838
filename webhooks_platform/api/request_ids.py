"""One id for each request: in the answer (`X-Request-ID`), in the log lines and the audit."""

import re
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from webhooks_platform.lib import ids

HEADER = "X-Request-ID"

#: What is taken over from a client or proxy; anything else could forge log lines.
_SANE = re.compile(r"[A-Za-z0-9._~:+=/@-]{1,64}")


def given(text: str | None) -> str | None:
    """Return the request id that the client sent, if it may be taken over."""
    return text if text is not None and _SANE.fullmatch(text) else None


def choose(text: str | None) -> str:
    """Return the request id that the client sent, or a new one."""
    return given(text) or ids.new().hex


class RequestIdMiddleware:
    """Sets `request.META["REQUEST_ID"]`, the log context and the answer's header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = choose(request.META.get("HTTP_X_REQUEST_ID"))
        request.META["REQUEST_ID"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response
