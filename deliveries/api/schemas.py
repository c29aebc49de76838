"""What the read side answers and asks for, as the OpenAPI file describes it."""

from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from deliveries.api.wire_status import WireStatus
from deliveries.models import DeadLetter, Replay, Trigger
from deliveries.queries.dead_letters import ALL, OPEN
from endpoints.api.between import AFTER, BEFORE
from endpoints.api.serializers.pages import ITERATOR, LIMIT

STATUS_CODE_CLASSES = (0, 100, 200, 300, 400, 500)


def parameter(name: str, kind: type = str, description: str = "") -> OpenApiParameter:
    return OpenApiParameter(name, kind, required=False, description=description)


PAGE = [LIMIT, ITERATOR, BEFORE, AFTER]
EVENT_FILTER = [
    parameter("event_types", str, "Names of event types, separated by commas."),
    parameter("channel", str, "A channel that the event must have."),
    parameter("tag", str, "A tag that the event must have."),
]
STATUS = OpenApiParameter(
    "status",
    int,
    enum=[status.value for status in WireStatus],
    description="0 success, 1 pending, 2 fail, 3 sending, 4 canceled.",
)
STATUS_CODE_CLASS = OpenApiParameter(
    "status_code_class",
    int,
    enum=STATUS_CODE_CLASSES,
    description="0 (no answer), 100, 200, 300, 400 or 500.",
)
WITH_CONTENT = parameter("with_content", bool, "false leaves payloads and responses out.")
ATTEMPT_FILTER = [
    STATUS,
    STATUS_CODE_CLASS,
    WITH_CONTENT,
]
ENDPOINT_ID = parameter("endpoint_id", str, "Id or uid of one endpoint.")


LETTER_FILTER = [
    ENDPOINT_ID,
    parameter("event_type", str, "Names of event types, separated by commas."),
    OpenApiParameter("reason", str, enum=DeadLetter.Reason.values, description="Why given up."),
    STATUS_CODE_CLASS,
    OpenApiParameter(
        "decision",
        str,
        enum=[OPEN, *DeadLetter.Decision.values, ALL],
        description="open (unless given), replayed, discarded or all.",
    ),
]


class Empty(serializers.Serializer[None]):
    pass


class MessageOut(serializers.Serializer[None]):
    id = serializers.CharField()
    eventId = serializers.CharField(allow_null=True)  # noqa: N815 - the wire's names.
    eventType = serializers.CharField()  # noqa: N815
    payload = serializers.DictField()
    channels = serializers.ListField(child=serializers.CharField(), allow_null=True)
    timestamp = serializers.DateTimeField()
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    deliverAt = serializers.DateTimeField(required=False)  # noqa: N815


class StatusOut(serializers.Serializer[None]):
    status = serializers.ChoiceField([status.value for status in WireStatus])
    statusText = serializers.ChoiceField([status.text for status in WireStatus])  # noqa: N815
    nextAttempt = serializers.DateTimeField(allow_null=True)  # noqa: N815


class EndpointMessageOut(MessageOut, StatusOut):
    pass


class MessageEndpointOut(StatusOut):
    id = serializers.CharField()
    uid = serializers.CharField(allow_null=True)
    url = serializers.CharField()
    description = serializers.CharField()
    disabled = serializers.BooleanField()
    eventTypes = serializers.ListField(allow_null=True)  # noqa: N815
    channels = serializers.ListField(allow_null=True)
    throttleRate = serializers.IntegerField(allow_null=True)  # noqa: N815
    metadata = serializers.DictField()
    createdAt = serializers.DateTimeField()  # noqa: N815
    updatedAt = serializers.DateTimeField()  # noqa: N815


class MessageAttemptOut(serializers.Serializer[None]):
    id = serializers.CharField()
    url = serializers.CharField()
    response = serializers.CharField()
    responseStatusCode = serializers.IntegerField()  # noqa: N815
    responseDurationMs = serializers.IntegerField()  # noqa: N815
    status = serializers.ChoiceField([WireStatus.SUCCESS.value, WireStatus.FAIL.value])
    statusText = serializers.ChoiceField(["success", "fail"])  # noqa: N815
    triggerType = serializers.ChoiceField(Trigger.values)  # noqa: N815
    msgId = serializers.CharField()  # noqa: N815
    endpointId = serializers.CharField()  # noqa: N815
    timestamp = serializers.DateTimeField()


class DeliveryOut(serializers.Serializer[None]):
    endpointId = serializers.CharField()  # noqa: N815
    status = serializers.ChoiceField(
        ["pending", "sending", "delivered", "dead", "cancelled", "parked"]
    )
    attempts = serializers.IntegerField()
    nextAttempt = serializers.DateTimeField(allow_null=True)  # noqa: N815
    lastStatusCode = serializers.IntegerField(allow_null=True)  # noqa: N815
    lastError = serializers.CharField(allow_null=True)  # noqa: N815
    waitingFor = serializers.CharField(allow_null=True)  # noqa: N815
    deadLetterId = serializers.CharField(allow_null=True)  # noqa: N815


class DeadLetterOut(serializers.Serializer[None]):
    id = serializers.CharField()
    appId = serializers.CharField()  # noqa: N815
    appUid = serializers.CharField(allow_null=True)  # noqa: N815
    endpointId = serializers.CharField()  # noqa: N815
    endpointUid = serializers.CharField(allow_null=True)  # noqa: N815
    msgId = serializers.CharField()  # noqa: N815
    eventId = serializers.CharField(allow_null=True)  # noqa: N815
    eventType = serializers.CharField()  # noqa: N815
    reason = serializers.ChoiceField(DeadLetter.Reason.values)
    attempts = serializers.IntegerField()
    lastAttemptId = serializers.CharField(allow_null=True)  # noqa: N815
    lastStatusCode = serializers.IntegerField(allow_null=True)  # noqa: N815
    lastError = serializers.CharField(allow_null=True)  # noqa: N815
    createdAt = serializers.DateTimeField()  # noqa: N815
    decision = serializers.ChoiceField(DeadLetter.Decision.values, allow_null=True)
    decidedAt = serializers.DateTimeField(allow_null=True)  # noqa: N815
    decidedBy = serializers.CharField(allow_null=True)  # noqa: N815
    note = serializers.CharField(allow_null=True)
    replayId = serializers.CharField(allow_null=True)  # noqa: N815


class DeadLetterGroup(serializers.Serializer[None]):
    endpointId = serializers.CharField()  # noqa: N815
    reason = serializers.ChoiceField(DeadLetter.Reason.values)
    lastStatusCode = serializers.IntegerField(allow_null=True)  # noqa: N815
    eventType = serializers.CharField()  # noqa: N815
    count = serializers.IntegerField()
    oldest = serializers.DateTimeField()
    newest = serializers.DateTimeField()


class ReplayOut(serializers.Serializer[None]):
    id = serializers.CharField(allow_null=True)
    appId = serializers.CharField()  # noqa: N815
    status = serializers.ChoiceField(["preview", *Replay.State.values])
    source = serializers.ChoiceField(Replay.Source.values)  # type: ignore[assignment]
    endpointIds = serializers.ListField(child=serializers.CharField())  # noqa: N815
    eventTypes = serializers.ListField(  # noqa: N815
        child=serializers.CharField(), required=False
    )
    reasons = serializers.ListField(child=serializers.CharField(), required=False)
    statusCodeClass = serializers.IntegerField(allow_null=True, required=False)  # noqa: N815
    since = serializers.DateTimeField(allow_null=True, required=False)
    until = serializers.DateTimeField(allow_null=True, required=False)
    channels = serializers.ListField(child=serializers.CharField(), required=False)
    note = serializers.CharField()
    createdBy = serializers.CharField()  # noqa: N815
    createdAt = serializers.DateTimeField(allow_null=True)  # noqa: N815
    finishedAt = serializers.DateTimeField(allow_null=True)  # noqa: N815
    ratePerSecond = serializers.IntegerField(allow_null=True)  # noqa: N815
    total = serializers.IntegerField()
    exact = serializers.BooleanField(
        help_text="false: there was no time to count them all; `total`, `remaining` and "
        "`estimatedSeconds` are at least so much, and `sample` may lack some."
    )
    queued = serializers.IntegerField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    remaining = serializers.IntegerField()
    sample = serializers.ListField(child=serializers.CharField())
    estimatedSeconds = serializers.IntegerField()  # noqa: N815


class EndpointStats(serializers.Serializer[None]):
    success = serializers.IntegerField()
    fail = serializers.IntegerField()  # type: ignore[assignment]
    pending = serializers.IntegerField()
    sending = serializers.IntegerField()
    canceled = serializers.IntegerField()


class CancelOut(serializers.Serializer[None]):
    cancelled = serializers.IntegerField(help_text="Deliveries that will not be made.")
    underWay = serializers.IntegerField(  # noqa: N815
        help_text="Deliveries whose attempt is under way, and is the last."
    )


class PrecheckOut(serializers.Serializer[None]):
    active = serializers.BooleanField()


class BulkExpungeOut(serializers.Serializer[None]):
    results = serializers.DictField(
        child=serializers.ChoiceField(["expunged", "not-found"]), help_text="By id as it was given."
    )


class EndpointAttemptStats(serializers.Serializer[None]):
    success = serializers.IntegerField()
    fail = serializers.IntegerField()  # type: ignore[assignment]
    canceled = serializers.IntegerField()


class TaskOut(serializers.Serializer[None]):
    id = serializers.CharField()
    status = serializers.ChoiceField(["running", "finished", "failed"])
    task = serializers.CharField()
    updatedAt = serializers.DateTimeField()  # noqa: N815
    data = serializers.DictField(required=False)  # type: ignore[assignment]


class UsageTaskOut(TaskOut):
    unresolvedAppIds = serializers.ListField(child=serializers.CharField())  # noqa: N815


def list_of(row: type[serializers.Serializer[None]]) -> serializers.Serializer[None]:
    """Return the schema of a list that comes whole."""
    return inline_serializer(f"{row.__name__}s", {"data": row(many=True)})


def page_of(row: type[serializers.Serializer[None]]) -> serializers.Serializer[None]:
    """Return the schema of a page of rows."""
    return inline_serializer(
        f"{row.__name__}List",
        {
            "data": row(many=True),
            "iterator": serializers.CharField(allow_null=True),
            "prevIterator": serializers.CharField(required=False),
            "done": serializers.BooleanField(),
        },
    )
