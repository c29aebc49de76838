"""What a key may do. The scope is judged first (403), then the object (404)."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from endpoints.api.authentication import caller
from endpoints.principals import Principal, shown_scope
from webhooks_platform.api.errors import forbidden, missing_scope


def check(principal: Principal, scope: str, *, organization_only: bool = False) -> None:
    """Raise the 403 that names what the caller lacks."""
    if not principal.allows(scope):
        raise missing_scope(shown_scope(scope))
    if organization_only and not principal.is_platform:
        raise forbidden()


class ScopePermission(BasePermission):
    """Asks of each view `scopes`, a scope for each of its methods; None lets any key in.

    `organization_methods` names the methods that a tenant's own key may not use, or is True
    for all of them.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        method = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
        if not hasattr(view, method.lower()):
            # DRF answers 405 after this.
            return True
        scopes = getattr(view, "scopes", {})
        if method not in scopes:
            raise ImproperlyConfigured(f"{type(view).__name__} names no scope for {method}")
        if scopes[method] is not None:
            closed = getattr(view, "organization_methods", ())
            organization_only = closed is True or (closed is not False and method in closed)
            check(caller(request), scopes[method], organization_only=organization_only)
        return True
