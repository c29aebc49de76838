"""PUT creates what is not there yet."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from endpoints.api.scoping import id_of
from endpoints.api.serializers.fields import NAME, NAME_MAX
from webhooks_platform.api.errors import ApiError

Row = TypeVar("Row")


def find_for_put(find: Callable[[], Row], prefix: str, text: str) -> Row | None:
    """Return what the path names, or None to create it; a malformed id or uid stays a 404."""
    try:
        return find()
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND or not _is_reference(prefix, text):
            raise
        return None


def _is_reference(prefix: str, text: str) -> bool:
    if text.startswith(prefix):
        return id_of(prefix, text) is not None
    return len(text) <= NAME_MAX and NAME.fullmatch(text) is not None
