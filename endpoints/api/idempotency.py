"""`Idempotency-Key` on every POST route that Django serves."""

from collections.abc import Callable
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase

from endpoints import bearer
from endpoints.principals import Principal
from webhooks_platform.api.errors import ApiError, FieldError, too_large
from webhooks_platform.api.exceptions import respond, to_api_error
from webhooks_platform.api.idempotency import run_once
from webhooks_platform.lib import idempotency

_ROUTES = "/api/v1/"
_META = "HTTP_IDEMPOTENCY_KEY"


class IdempotencyMiddleware:
    """Answers a repeated POST as the first time; see webhooks_platform.api.idempotency."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if (
            request.method != "POST"
            or _META not in request.META
            or not request.path.startswith(_ROUTES)
        ):
            return self.get_response(request)
        try:
            return self._once(request)
        except RequestDataTooBig:
            return respond(too_large())
        except Exception as error:
            return respond(to_api_error(error))

    def _once(self, request: HttpRequest) -> HttpResponseBase:
        try:
            principal = bearer.authenticate(request.META.get("HTTP_AUTHORIZATION"))
        except ApiError:
            # The view answers, as it does without a key.
            return self.get_response(request)
        query = request.META.get("QUERY_STRING", "").encode()
        # A repeat is answered before the view judges the scope, so callers who may do other
        # things do not share keys.
        route = " ".join([request.path, *sorted(principal.scopes)])
        return run_once(
            hash_key(request.META[_META], principal, route),
            idempotency.fingerprint(request.body, query),
            lambda: self.get_response(request),
        )


def hash_key(key: str, principal: Principal, route: str) -> UUID:
    """Return the hash of an idempotency key; raise the 422 for one that is none."""
    try:
        return idempotency.key_id(
            key,
            organization_id=principal.organization_id,
            tenant_id=principal.tenant_id,
            route=route,
        )
    except idempotency.InvalidKeyError:
        message = f"Takes 1 to {idempotency.MAX_LENGTH} printable ASCII characters."
        raise FieldError.at("header", "idempotency-key", message=message) from None
