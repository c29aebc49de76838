"""Between a view and the stages it calls: who acts, and what a refusal looks like on the wire."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.core.exceptions import ObjectDoesNotExist
from rest_framework.request import Request

from endpoints.api.authentication import caller
from endpoints.audit import Actor
from endpoints.changes import UidTakenError
from endpoints.custom_headers import HeadersNotAllowedError
from endpoints.rotation import PREVIOUS_MAX, TooManySecretsError
from webhooks_platform.api import errors
from webhooks_platform.api.errors import ApiError, FieldError, fault
from webhooks_platform.lib.keyring import KeyringError


def actor(request: Request) -> Actor:
    """Return the caller as the audit log names him, with the request's id."""
    return Actor(caller(request).name, request.META.get("REQUEST_ID"))


@contextmanager
def refusals(conflict: str = "A conflict has occurred") -> Iterator[None]:
    """Answer what a stage refuses; a row that has just been deleted is 404 like one long gone."""
    try:
        yield
    except UidTakenError:
        raise errors.conflict(conflict) from None
    except ObjectDoesNotExist:
        raise errors.not_found() from None
    except HeadersNotAllowedError as error:
        places = [(("body", "headers", found.name), found.message) for found in error.faults]
        raise FieldError([fault(_named(place), text) for place, text in places]) from None
    except TooManySecretsError:
        raise ApiError(
            400, "limit_reached", f"{PREVIOUS_MAX} previous secrets still sign."
        ) from None
    except KeyringError:
        raise ApiError(
            500,
            "config_error",
            "What is stored cannot be decrypted for this endpoint; set it anew.",
        ) from None


def _named(place: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for part in place if part)


def flag(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """Read a boolean of the query string; raise FieldError for anything but true and false."""
    text = query.get(name)
    if text is None:
        return default
    if text not in ("true", "false"):
        raise FieldError.at("query", name, message="Must be true or false.")
    return text == "true"
