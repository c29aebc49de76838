"""What a refused resend, replay or decision looks like on the wire."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ObjectDoesNotExist

from deliveries import replay
from webhooks_platform.api import errors
from webhooks_platform.api.errors import ApiError, FieldError


@contextmanager
def refusals(place: str) -> Iterator[None]:
    """Answer what the replay stage refuses; `place` is the part of the path that is at fault."""
    try:
        yield
    except replay.PayloadGoneError as error:
        raise ApiError(400, "missing_payload", str(error)) from None
    except replay.EndpointDeletedError as error:
        raise FieldError.at("path", place, message=str(error), kind="endpoint_deleted") from None
    except replay.EndpointDisabledError as error:
        raise FieldError.at("path", place, message=str(error), kind="endpoint_disabled") from None
    except (replay.AlreadyDecidedError, replay.WrongStateError) as error:
        raise errors.conflict(str(error)) from None
    except ObjectDoesNotExist:
        raise errors.not_found() from None
