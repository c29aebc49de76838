"""What deliveries add to an endpoint's page: a test event, and parked deliveries."""

import time
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from deliveries import replay, test_events
from deliveries.models import Attempt, DeliveryStatus, Event, SettledDelivery
from deliveries.queries.deliveries import delivery_id
from deliveries.replay import ReplayRefusedError
from deliveries.selection import Selection
from endpoints import event_types, lifecycle
from endpoints.admin.endpoints import EndpointAdmin
from endpoints.admin.forms import ReasonForm
from endpoints.admin.pages import own_page, sent
from endpoints.admin.scope import actor
from endpoints.models import Endpoint
from endpoints.roles import Capability

#: Seconds to wait for a test event's answer, and between looks.
ANSWER_SECONDS = 5.0
LOOK_SECONDS = 0.1
#: Parked deliveries that are counted for an endpoint's page.
COUNTED_AT_MOST = 10_000

admin.site.unregister(Endpoint)


class TestEventForm(forms.Form):
    """Offers the types that the endpoint takes, or all that the catalogue knows."""

    event_type = forms.ChoiceField(help_text="Its example, or a small object, is the payload.")

    def __init__(self, data: Any, *, names: list[str]) -> None:
        super().__init__(data)
        self.fields["event_type"] = forms.ChoiceField(
            choices=[(name, name) for name in names],
            help_text="The payload is the first example of its schema, or a small object.",
        )


@admin.register(Endpoint)
class DeliveringEndpointAdmin(EndpointAdmin):
    def own_pages(self) -> dict[str, Callable[..., HttpResponse]]:
        return {
            **super().own_pages(),
            "test": self.test,
            "enable-and-replay": self.enable_and_replay,
        }

    def own_tools(self, endpoint: Endpoint) -> list[tuple[str, str]]:
        tools = super().own_tools(endpoint)
        if endpoint.disabled_at is None:
            return [("Send test event", "test"), *tools]
        return [("Enable and replay parked", "enable-and-replay"), *tools]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        endpoint = self.get_object(request, object_id)
        note = ""
        if endpoint is not None and endpoint.disabled_at is not None:
            note = f"Parked deliveries: {_parked(endpoint)}."
        return super().change_view(request, object_id, form_url, {"parked_note": note})

    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send an example to this endpoint alone, and wait a moment for what it answers."""
        endpoint = self.get_or_refuse(request, object_id, Capability.CONFIGURE)
        names = endpoint.event_types or event_types.names(endpoint.tenant)
        form = TestEventForm(sent(request), names=[*names] or [test_events.DEFAULT_TYPE])
        if request.method != "POST" or not form.is_valid():
            return self._ask_test(request, endpoint, form)
        try:
            event = test_events.send(
                endpoint, form.cleaned_data["event_type"], actor=actor(request)
            )
        except ReplayRefusedError as error:
            form.add_error(None, str(error))
            return self._ask_test(request, endpoint, form)
        self._tell_answer(request, event, endpoint)
        delivery = delivery_id(event.id, endpoint.id)
        return HttpResponseRedirect(reverse("admin:deliveries_delivery_change", args=[delivery]))

    def _ask_test(self, request: HttpRequest, endpoint: Endpoint, form: forms.Form) -> HttpResponse:
        return own_page(
            self, request, "Send a test event", row=endpoint, about=endpoint.url, form=form
        )

    def _tell_answer(self, request: HttpRequest, event: Event, endpoint: Endpoint) -> None:
        made = _answer(event, endpoint)
        if made is None:
            text = "Sent, but not answered yet; reload this page."
            self.message_user(request, text, messages.WARNING)
        elif made.error_kind is None:
            text = f"Test event delivered: {made.status_code} in {made.duration_ms} ms."
            self.message_user(request, text, messages.SUCCESS)
        else:
            text = f"Test event failed: {made.status_code or ''} {made.error_kind}."
            self.message_user(request, text, messages.ERROR)

    def enable_and_replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Enable the endpoint, and send what was parked for it."""
        endpoint = self.get_or_refuse(request, object_id, Capability.CONFIGURE)
        form, title = ReasonForm(sent(request)), "Enable and replay parked"
        if request.method != "POST" or not form.is_valid():
            text = f"What is parked is sent, behind what is due already: {_parked(endpoint)}."
            return own_page(
                self, request, title, row=endpoint, about=endpoint.url, explanation=text, form=form
            )
        note = form.cleaned_data["note"]
        lifecycle.enable(endpoint, actor=actor(request), note=note)
        parked = Selection(
            "all", endpoint_ids=(endpoint.pk,), statuses=(int(DeliveryStatus.PARKED),)
        )
        job = replay.start(endpoint.tenant, parked, note=note, actor=actor(request))
        text = f"The endpoint is enabled; {job.total} parked deliveries are being sent."
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:deliveries_replay_change", args=[job.pk]))


def _answer(event: Event, endpoint: Endpoint) -> Attempt | None:
    """Wait for the attempt to be recorded; None if that takes too long."""
    made = Attempt.objects.filter(event_id=event.id, endpoint_id=endpoint.id, id__gte=event.id)
    until = time.monotonic() + ANSWER_SECONDS
    while True:
        found = made.first()
        if found is not None or time.monotonic() > until:
            return found
        time.sleep(LOOK_SECONDS)


def _parked(endpoint: Endpoint) -> str:
    """Count the endpoint's parked deliveries, up to a bound."""
    rows = SettledDelivery.objects.filter(endpoint_id=endpoint.pk, status=DeliveryStatus.PARKED)
    count = rows[:COUNTED_AT_MOST].aggregate(found=Count("id"))["found"]
    return f"{count}" if count < COUNTED_AT_MOST else f"at least {count}"
