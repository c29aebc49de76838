"""Errors as the wire shows them, whichever door answers: status, body and headers.

A fault of a field, a header or a query parameter is 422 with a list of places; every other error
is a code and a sentence.
"""

from collections.abc import Mapping
from typing import Any, Self

from webhooks_platform.lib import metrics
from webhooks_platform.lib.strict_json import StrictJSONError

#: Seconds after which a client may try again when we are overloaded or without database.
RETRY_AFTER = 1

#: Statuses that tell a caller that his key does not do.
REFUSED = frozenset({401, 403})

Fault = dict[str, Any]


class ApiError(Exception):
    """The request is answered with an error."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """`code` is for programs and never empty; `detail` is for people."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "detail": self.detail}


class FieldError(ApiError):
    """Something the client sent is not valid (422)."""

    def __init__(self, faults: list[Fault]) -> None:
        """`faults` is not empty; see fault()."""
        super().__init__(422, "validation_error", "The request is not valid.")
        self.faults = faults

    def body(self) -> dict[str, Any]:
        return {"detail": self.faults}

    @classmethod
    def at(cls, *place: str | int, message: str, kind: str = "") -> Self:
        """Return the error of one place, as `FieldError.at("body", "url", message=…)`."""
        return cls([fault(place, message, kind)])


def fault(place: tuple[str | int, ...], message: str, kind: str = "") -> Fault:
    """Return one entry of a 422 answer; `kind` makes its type more exact."""
    return {
        "loc": [str(part) for part in place],
        "msg": message,
        "type": f"value_error.{kind}" if kind else "value_error",
    }


def json_error(error: StrictJSONError, *around: str) -> FieldError:
    """Return the answer to a body that is not strict JSON."""
    return FieldError([fault(("body", *around, *error.place), error.message, error.kind)])


def count_refusal(error: ApiError) -> None:
    """Count an answer by which a key was refused."""
    if error.status in REFUSED:
        metrics.observe_api_refusal()


def bad_request() -> ApiError:
    return ApiError(400, "bad_request", "The request cannot be understood.")


def unauthenticated(detail: str = "Invalid token") -> ApiError:
    return ApiError(401, "authentication_failed", detail, {"WWW-Authenticate": "Bearer"})


def forbidden(detail: str = "Insufficient access for the given operation.") -> ApiError:
    # The space is svix's.
    return ApiError(403, "insufficient access", detail)


def missing_scope(scope: str) -> ApiError:
    return forbidden(f"Insufficient access for the given operation: the scope {scope} is missing.")


def not_found(detail: str = "Entity not found") -> ApiError:
    return ApiError(404, "not_found", detail)


def method_not_allowed(*methods: str) -> ApiError:
    """Name the methods that there are."""
    headers = {"Allow": ", ".join(methods)} if methods else None
    return ApiError(405, "method_not_allowed", "This method is not answered here.", headers)


def conflict(detail: str = "A conflict has occurred", code: str = "conflict") -> ApiError:
    return ApiError(409, code, detail)


def incomplete() -> ApiError:
    return ApiError(400, "incomplete_request", "The request's body is incomplete or broken.")


def too_large() -> ApiError:
    return ApiError(413, "payload_too_large", "Request payload is too large.")


def unsupported_media_type() -> ApiError:
    return ApiError(415, "unsupported_media_type", "The body must be application/json.")


def unavailable(detail: str = "The service is not available, please try again.") -> ApiError:
    return ApiError(503, "unavailable", detail, {"Retry-After": str(RETRY_AFTER)})


def server_error() -> ApiError:
    return ApiError(500, "server_error", "An error of the server, not of the request.")
