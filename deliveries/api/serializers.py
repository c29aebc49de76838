"""What clients send to decide dead letters and to start replay jobs."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from deliveries.api.message_in import MAX_CHANNELS
from deliveries.models import DeadLetter, Replay
from endpoints.api.serializers.fields import (
    Flag,
    Moment,
    Name,
    Text,
    WholeNumber,
    WireSerializer,
    not_blank,
)

NOTE_MAX = 1000
RATE_MAX = 10_000
STATUS_CODE_CLASSES = (0, 100, 200, 300, 400, 500)
SOURCES = [source for source in Replay.Source.values if source != Replay.Source.RESEND]


class Bodied(WireSerializer):
    """Reads itself from a request; an absent body is an empty one."""

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Return the checked fields; raise the 422."""
        body = cls(data=request.data)
        body.is_valid(raise_exception=True)
        values: dict[str, Any] = body.validated_data
        return values


class NoteIn(Bodied):
    nulls = {"note": ""}

    note = Text(max_length=NOTE_MAX, allow_blank=True, default="", validators=[not_blank])


class DiscardIn(Bodied):
    note = Text(max_length=NOTE_MAX, validators=[not_blank])


class ExampleIn(Bodied):
    eventType = Name()  # noqa: N815 - the wire's name.
    exampleIndex = WholeNumber(min_value=0, max_value=1000, allow_null=True, default=0)  # noqa: N815


class PrecheckIn(Bodied):
    eventType = Name()  # noqa: N815 - the wire's name.
    channels = serializers.ListField(
        child=Name(), allow_empty=False, allow_null=True, max_length=MAX_CHANNELS, default=None
    )


class Wanted(serializers.ListField):
    """A filter; null, or none, admits everything, and an empty one is a mistake."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_empty=False, allow_null=True, default=None, **options)


class StatusCodeClass(WholeNumber):
    def to_internal_value(self, data: Any) -> int:
        number = super().to_internal_value(data)
        if number not in STATUS_CODE_CLASSES:
            raise serializers.ValidationError("Must be 0, 100, 200, 300, 400 or 500.")
        return number


class WindowIn(Bodied):
    """`since` and `until`, both inclusive."""

    since = Moment(allow_null=True, default=None)
    until = Moment(allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["since"] and attrs["until"] and attrs["until"] < attrs["since"]:
            raise serializers.ValidationError({"until": "Must not be before `since`."})
        return attrs


class ReplayIn(WindowIn):
    nulls = {
        "source": Replay.Source.DEAD_LETTER,
        "dryRun": False,
    }

    source = serializers.ChoiceField(  # type: ignore[assignment]
        SOURCES, default=Replay.Source.DEAD_LETTER
    )
    endpointIds = Wanted(child=Text())  # noqa: N815 - wire's names.
    eventTypes = Wanted(child=Name())  # noqa: N815
    reasons = Wanted(child=serializers.ChoiceField(DeadLetter.Reason.values))
    statusCodeClass = StatusCodeClass(allow_null=True, default=None)  # noqa: N815
    channels = Wanted(child=Name())
    note = Text(max_length=NOTE_MAX, validators=[not_blank])
    ratePerSecond = WholeNumber(  # noqa: N815
        min_value=1, max_value=RATE_MAX, allow_null=True, default=None
    )
    dryRun = Flag(default=False)  # noqa: N815

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if attrs["reasons"] and attrs["source"] != Replay.Source.DEAD_LETTER:
            raise serializers.ValidationError(
                {"reasons": "Only dead letters have reasons; set source to dead-letter."}
            )
        if attrs["statusCodeClass"] is not None and attrs["source"] == Replay.Source.MISSING:
            raise serializers.ValidationError(
                {"statusCodeClass": "What was never attempted has no answer."}
            )
        return attrs
