"""PUT creates what is not there yet."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from endpoints.api.serializers.fields import NAME, NAME_MAX
from webhooks_platform.api.errors import ApiError

Row = TypeVar("Row")


def find_for_put(find: Callable[[], Row], prefix: str, text: str) -> Row | None:
    """Return what the path names, or None to create it: by a uid. An unknown id stays a 404."""
    try:
        return find()
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND or not _is_uid(prefix, text):
            raise
        return None


def _is_uid(prefix: str, text: str) -> bool:
    if text.startswith(prefix):
        return False
    return len(text) <= NAME_MAX and NAME.fullmatch(text) is not None
