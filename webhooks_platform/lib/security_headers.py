"""Security headers of every answer, and the middleware that adds them to Django's.

The publish door adds API_HEADERS by itself, for its answers do not pass Django.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

#: For answers that no browser is to show: nothing is loaded, run or framed.
API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
#: For pages: only what this host serves, and no inline script or style.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
#: Swagger UI and Redoc set style attributes.
DOCS_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
PAGES = ("/admin", "/portal", "/static/")
DOCS = ("/docs",)

API_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("content-security-policy", API_POLICY),
)


def policy(path: str) -> str:
    """Return the Content-Security-Policy of a path."""
    if path.startswith(DOCS):
        return DOCS_POLICY
    if path.startswith(PAGES):
        return PAGE_POLICY
    return API_POLICY


class SecurityHeadersMiddleware:
    """Adds what a view has not set itself, to error pages too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in API_HEADERS:
            if name != "content-security-policy":
                response.headers.setdefault(name, value)
        response.headers.setdefault("content-security-policy", policy(request.path))
        return response
