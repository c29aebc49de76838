"""Drives a server with the svix SDK of this environment; reads a task, writes a report, in JSON.

The task: `url`, `token`, `bodies` (by name of parameter) and times. The report: `version`,
`facts` (what the common flow saw, named alike in every language) and `methods` (sweep.py).
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import Any

from receiver import Receiver
from svix.api import (
    ApplicationIn,
    AppPortalAccessIn,
    EndpointHeadersIn,
    EndpointIn,
    EndpointListOptions,
    EndpointSecretRotateIn,
    EventExampleIn,
    EventTypeIn,
    MessageAttemptListByMsgOptions,
    MessageCreateOptions,
    MessageGetOptions,
    MessageIn,
    MessageListOptions,
    RecoverIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.webhooks import Webhook, WebhookVerificationError
from sweep import sweep

FIRST, SECOND = "whsec_" + "A" * 32, "whsec_" + "B" * 32
EXAMPLE = {"amount": "9.90"}
PAYLOAD = {"amount": "1.10"}
#: The name in 2.x, else that in 1.x.
FILTER = "event_types" if "event_types" in EndpointIn.model_fields else "filter_types"
#: Seconds for a delivery; it takes some milliseconds.
PATIENCE = 20


def main() -> None:
    task = json.load(sys.stdin)
    svix = Svix(task["token"], SvixOptions(server_url=task["url"]))
    receiver, facts = Receiver(), {}
    ids = flow(svix, receiver, task, facts)
    known = {**ids, **task["times"], "receiver_url": receiver.url, "unique": "py"}
    known["server_url"] = task["url"]
    methods = sweep(svix, known, task["bodies"])
    json.dump({"version": version("svix"), "facts": facts, "methods": methods}, sys.stdout)


def flow(
    svix: Svix, receiver: Receiver, task: dict[str, Any], facts: dict[str, Any]
) -> dict[str, str]:
    """Do what nearly every user of svix does; note the values that came back."""
    app = configure(svix, receiver, facts)
    message = publish(svix, app, facts)
    wait(lambda: len(receiver.requests) == 1)
    verify(receiver, facts)
    attempt = read(svix, app, message, facts)
    ids = {"app_id": app, "endpoint_id": "sink", "msg_id": message, "attempt_id": attempt}
    task_id = again(svix, app, message, task["times"]["since"], facts)
    portal(svix, app, facts)
    refusals(svix, app, facts)
    return {**ids, "task_id": task_id, "event_type_name": "invoice.paid"}


def configure(svix: Svix, receiver: Receiver, facts: dict[str, Any]) -> str:
    schema = {"type": "object", "examples": [EXAMPLE]}
    kind = svix.event_type.create(
        EventTypeIn(name="invoice.paid", description="d", schemas={"1": schema})
    )
    app = svix.application.get_or_create(ApplicationIn(name="Kitchen", uid="kitchen"))
    same = svix.application.get_or_create(ApplicationIn(name="Other", uid="kitchen"))
    created = svix.application.create(ApplicationIn(name="Second", metadata={"k": "v"}))
    listed = svix.application.list()
    wanted = EndpointIn(
        url=receiver.url, uid="sink", description="d", metadata={"k": "v"}, secret=FIRST,
        **{FILTER: ["invoice.paid"]},
    )  # fmt: skip
    endpoint = svix.endpoint.create(app.id, wanted)
    page = svix.endpoint.list(app.id, EndpointListOptions(limit=1))
    facts |= {
        "event_type": [kind.name, kind.schemas == {"1": schema}],
        "application": [app.name, app.uid, same.id == app.id, same.name],
        "created": [created.name, created.metadata],
        "listed": [[row.name for row in listed.data], listed.done],
        "endpoint": [endpoint.uid, endpoint.description, endpoint.metadata],
        "filter": getattr(endpoint, FILTER),
        "endpoint_url": endpoint.url == receiver.url,
        "endpoints": [[row.id == endpoint.id for row in page.data], page.done],
        "secret": svix.endpoint.get_secret(app.id, "sink").key == FIRST,
    }
    headers_and_secret(svix, app.id, facts)
    return app.id


def headers_and_secret(svix: Svix, app: str, facts: dict[str, Any]) -> None:
    # The method's name in 2.x, then in 1.x.
    set_headers = getattr(svix.endpoint, "set_headers", None) or svix.endpoint.update_headers
    wanted = {"X-Color": "blue", "Authorization": "s"}
    set_headers(app, "sink", EndpointHeadersIn(headers=wanted))
    shown = svix.endpoint.get_headers(app, "sink")
    svix.endpoint.rotate_secret(
        app, "sink", EndpointSecretRotateIn(key=SECOND, grace_period_seconds=600)
    )
    facts["headers"] = [shown.headers, list(shown.sensitive)]
    facts["rotated"] = svix.endpoint.get_secret(app, "sink").key == SECOND


def publish(svix: Svix, app: str, facts: dict[str, Any]) -> str:
    body = MessageIn(event_type="invoice.paid", event_id="one", payload=PAYLOAD)
    message = svix.message.create(app, body, MessageCreateOptions(with_content=True))
    got = svix.message.get(app, "one", MessageGetOptions(with_content=True))
    listed = svix.message.list(app, MessageListOptions(with_content=True))
    facts |= {
        "message": [message.event_type, message.event_id, message.payload],
        "got": [got.id == message.id, got.payload],
        "messages": [[row.event_id for row in listed.data], listed.done],
        "again": refusal(lambda: svix.message.create(app, body)),
    }
    return message.id


def verify(receiver: Receiver, facts: dict[str, Any]) -> None:
    headers, body = receiver.requests[0]
    for secret in (FIRST, SECOND):
        Webhook(secret).verify(body, headers)
    facts["verified"] = json.loads(body)
    facts["received"] = [headers["x-color"], headers["authorization"]]
    try:
        Webhook(SECOND).verify(body.replace(b"1.10", b"9.99"), headers)
    except WebhookVerificationError:
        facts["tampered"] = "refused"


def read(svix: Svix, app: str, message: str, facts: dict[str, Any]) -> str:
    of_message = attempts(svix, app, message, 1)
    (attempt,) = of_message
    one = svix.message_attempt.get(app, message, attempt.id)
    destinations = svix.message_attempt.list_attempted_destinations(app, message)
    of_endpoint = svix.message_attempt.list_by_endpoint(app, "sink")
    messages = svix.message_attempt.list_attempted_messages(app, "sink")
    facts |= {
        "attempt": [attempt.status, attempt.response_status_code, attempt.trigger_type],
        "one_attempt": [one.id == attempt.id, one.msg_id == message],
        "destinations": [[row.uid, row.status] for row in destinations.data],
        "attempts_of_endpoint": [row.id == attempt.id for row in of_endpoint.data],
        "attempted_messages": [[row.event_id, row.status] for row in messages.data],
    }
    return attempt.id


def again(svix: Svix, app: str, message: str, since: str, facts: dict[str, Any]) -> str:
    svix.message_attempt.resend(app, message, "sink")
    both = attempts(svix, app, message, 2)
    stats = svix.endpoint.get_stats(app, "sink")
    task = svix.endpoint.recover(app, "sink", RecoverIn(since=datetime.fromisoformat(since)))
    example = svix.endpoint.send_example(app, "sink", EventExampleIn(event_type="invoice.paid"))
    facts |= {
        "resent": sorted(attempt.trigger_type for attempt in both),
        "stats": [stats.success, stats.pending, stats.sending, stats.fail],
        "recover": [task.task, svix.background_task.get(task.id).id == task.id],
        "example": example.event_type,
    }
    return task.id


def attempts(svix: Svix, app: str, message: str, count: int) -> list[Any]:
    options = MessageAttemptListByMsgOptions(endpoint_id="sink")

    def found() -> list[Any]:
        return svix.message_attempt.list_by_msg(app, message, options).data

    wait(lambda: len(found()) == count)
    return found()


def portal(svix: Svix, app: str, facts: dict[str, Any]) -> None:
    def access() -> None:
        opened = svix.authentication.app_portal_access(app, AppPortalAccessIn())
        facts["portal"] = [opened.url.startswith("http"), bool(opened.token)]

    facts["portal"] = refusal(access) or facts["portal"]


def refusals(svix: Svix, app: str, facts: dict[str, Any]) -> None:
    bad = EndpointIn(url="http://169.254.169.254/")
    facts["unknown"] = refusal(lambda: svix.application.get("nobody"))
    facts["bad_url"] = refusal(lambda: svix.endpoint.create(app, bad))


def refusal(call: Callable[[], Any]) -> list[Any] | None:
    try:
        call()
    except HTTPValidationError as error:
        return [error.status_code, error.detail[0].loc]
    except HttpError as error:
        return [error.status_code, error.code]
    return None


def wait(until: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > limit:
            raise TimeoutError("What was waited for did not come.")
        time.sleep(0.02)


main()
