"""How Django and DRF answer with the errors of errors.py; named in settings and urls."""

import traceback
from collections.abc import Iterator
from typing import Any

import psycopg
import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from webhooks_platform.api import errors
from webhooks_platform.api.errors import ApiError, Fault, FieldError, fault
from webhooks_platform.api.rendering import to_json

#: Programs ask there and cannot read a page; svix' SDKs know a product of svix' below /ingest/.
API_PREFIXES = ("/api/", "/ingest/")
_DATABASE_GONE = (OperationalError, InterfaceError, psycopg.OperationalError)
_CODES = {405: "method_not_allowed", 415: "unsupported_media_type"}

logger = structlog.get_logger()


def handle(exception: Exception, context: dict[str, Any]) -> Response:
    """Answer an exception of a DRF view; roll back what the request's transaction did."""
    set_rollback()
    error = to_api_error(exception)
    errors.count_refusal(error)
    return Response(error.body(), status=error.status, headers=error.headers)


def to_api_error(exception: Exception) -> ApiError:
    """Return what the wire shows of any exception; log the ones that nobody foresaw."""
    if isinstance(exception, ApiError):
        return exception
    if isinstance(exception, Http404):
        return errors.not_found()
    if isinstance(exception, PermissionDenied):
        return errors.forbidden()
    if isinstance(exception, exceptions.APIException):
        return _of_drf(exception)
    if isinstance(exception, _DATABASE_GONE):
        logger.warning("database_unavailable", exception_type=type(exception).__name__)
        return errors.unavailable()
    log_unexpected(exception)
    return errors.server_error()


def log_unexpected(exception: BaseException) -> None:
    """Log type and place only: the text of an exception may quote a payload or a secret."""
    frames = traceback.extract_tb(exception.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None
    logger.error("request_failed", exception_type=type(exception).__name__, place=place)


def _of_drf(exception: exceptions.APIException) -> ApiError:
    if isinstance(exception, exceptions.ValidationError):
        return FieldError(list(faults_of(("body",), exception.detail)))
    if isinstance(exception, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        return errors.unauthenticated()
    if isinstance(exception, exceptions.NotFound):
        return errors.not_found()
    if isinstance(exception, exceptions.PermissionDenied):
        return errors.forbidden()
    code = _CODES.get(exception.status_code, str(exception.default_code))
    return ApiError(exception.status_code, code, str(exception.detail))


def faults_of(place: tuple[str | int, ...], detail: Any) -> Iterator[Fault]:
    """Turn DRF's nested errors into one fault per place."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = () if name == "non_field_errors" else (name,)
            yield from faults_of((*place, *own), inner)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            # A list of texts belongs to one field, a list of objects to its members.
            member = (index,) if isinstance(inner, dict) else ()
            yield from faults_of((*place, *member), inner)
    else:
        code = getattr(detail, "code", "invalid")
        yield fault(place, str(detail), "" if code == "invalid" else code)


def respond(error: ApiError) -> HttpResponse:
    """Return the plain Django answer of an error, for what answers outside of DRF."""
    return HttpResponse(
        to_json(error.body()),
        status=error.status,
        headers=error.headers,
        content_type="application/json",
    )


def _wants_page(request: HttpRequest) -> bool:
    """Return whether a person asks: SDKs under a wrong address read JSON there too."""
    if request.path.startswith(API_PREFIXES):
        return False
    return "text/html" in request.headers.get("Accept", "")


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _wants_page(request):
        return defaults.page_not_found(request, exception)
    return respond(errors.not_found())


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _wants_page(request):
        return defaults.permission_denied(request, exception)
    return respond(errors.forbidden())


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _wants_page(request):
        return defaults.bad_request(request, exception)
    return respond(errors.bad_request())


def handler500(request: HttpRequest) -> HttpResponse:
    if _wants_page(request):
        return defaults.server_error(request)
    return respond(errors.server_error())
