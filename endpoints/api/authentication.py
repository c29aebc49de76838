"""DRF's way to endpoints.bearer: `request.user` is the Principal."""

from typing import cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from endpoints import bearer
from endpoints.principals import Principal


class BearerKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <API key>`; raises the 401 for anything else."""

    def authenticate(self, request: Request) -> tuple[Principal, Principal]:
        principal = bearer.authenticate(request.META.get("HTTP_AUTHORIZATION"))
        return principal, principal

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller(request: Request) -> Principal:
    """Return who makes this request, once it has been authenticated."""
    return cast(Principal, request.auth)
