"""From an Authorization header to the caller; the one place that knows what tokens there are."""

from endpoints import api_keys, jwts
from endpoints.principals import Principal
from webhooks_platform.api.errors import unauthenticated
from webhooks_platform.lib.database import Connection

_SCHEME = "bearer "


def token_of(header: str | None) -> str:
    """Return the token of an Authorization header; raise the 401 for any other header."""
    if header is None or not header[: len(_SCHEME)].lower() == _SCHEME:
        raise unauthenticated()
    return header[len(_SCHEME) :].strip()


def authenticate(header: str | None) -> Principal:
    """Return the caller, or raise the 401."""
    token = token_of(header)
    if jwts.may_be_jwt(token):
        return jwts.find(token)
    return _known(api_keys.find(token))


async def authenticate_async(token: str, database: Connection) -> Principal:
    """As authenticate(), for an event loop and a token that is not remembered."""
    if jwts.may_be_jwt(token):
        return await jwts.find_async(token, database)
    return _known(await api_keys.find_async(token, database))


def recall(token: str) -> Principal | None:
    """Return the caller if this process remembers him, None if the database must be asked.

    Raises the 401 for a token that is known to be none.
    """
    if jwts.may_be_jwt(token):
        return jwts.recall(token)[1]
    known, principal = api_keys.recall(token)
    return _known(principal) if known else None


def _known(principal: Principal | None) -> Principal:
    if principal is None:
        raise unauthenticated()
    return principal
