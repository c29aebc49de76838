"""Replays: decisions to deliver again, how far they have come, and pausing or cancelling one."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from deliveries import replay
from deliveries.admin.history import HistoryAdmin
from deliveries.admin.showing import badge, moment, table
from deliveries.models import DeliveryStatus, Replay
from deliveries.replay import ACTIONS, WrongStateError
from endpoints.admin.filters import SimpleListFilter, TenantFilter
from endpoints.admin.forms import ConfirmForm
from endpoints.admin.links import target_link
from endpoints.admin.neighbours import neighbours
from endpoints.admin.pages import own_page
from endpoints.admin.scope import actor
from endpoints.roles import Capability
from webhooks_platform.lib import ids

EXPLAINED = {
    "pause": "Nothing more is taken up until it is resumed; what is queued already is still sent.",
    "resume": "It goes on where it stood.",
    "cancel": "Nothing more is taken up, for good; what is queued already is still sent.",
}
#: Ids of a filter that a page shows.
SHOWN = 10
KINDS = {"running": "waits", "paused": "waits", "finished": "good", "cancelled": "quiet"}


SOURCES = {
    "resend": "One delivery, by hand",
    "dead-letter": "Dead letters",
    "failed": "Failed deliveries",
    "missing": "Never attempted",
    "all": "Everything",
}


class SourceFilter(SimpleListFilter):
    title, parameter_name = "what", "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(SOURCES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(source=self.value()) if self.value() else queryset


@admin.register(Replay)
class ReplayAdmin(HistoryAdmin):
    id_prefix = ids.REPLAY
    knows_uids = False
    organization_field = "organization_id"
    finders = {
        ids.REPLAY: lambda found: {"id": found},
        ids.TENANT: lambda found: {"tenant_id": found},
    }
    change_form_template = "admin/deliveries/replay/change_form.html"
    list_display = [
        "wire_id", "tenant", "kind", "status", "progress", "delivered", "failed", "created_by",
        "started_at",
    ]  # fmt: skip
    list_filter = ["state", SourceFilter, TenantFilter]
    fields = readonly_fields = (
        "wire_id", "tenant", "kind", "chosen", "note", "status", "progress", "counts",
        "rate_per_second", "created_by", "started_at", "ended_at", "first_events", "see_also",
    )  # fmt: skip

    @admin.display(description="what")
    def kind(self, job: Replay) -> str:
        return SOURCES.get(job.source, job.source)

    @admin.display(description="state")
    def status(self, job: Replay) -> str:
        return badge(job.get_state_display(), KINDS.get(job.state, "bad"))

    @admin.display(description="progress")
    def progress(self, job: Replay) -> str:
        ended = job.delivered + job.failed
        share = 100 if not job.total else min(100, 100 * ended // job.total)
        return format_html(
            '<progress class="bar" max="100" value="{}">{}%</progress> {}%', share, share, share
        )

    @admin.display(description="counts")
    def counts(self, job: Replay) -> str:
        at_least = "" if job.counted else "at least "
        rows = [
            ("total", f"{at_least}{job.total}"),
            ("delivered", job.delivered),
            ("failed", job.failed),
            ("remaining", max(0, job.total - job.delivered - job.failed)),
            ("of these queued", job.queued),
        ]
        return table([], rows)

    @admin.display(description="selection")
    def chosen(self, job: Replay) -> str:
        return table([], [(_title(name), _named(name, each)) for name, each in job.filters.items()])

    @admin.display(description="started at")
    def started_at(self, job: Replay) -> str | None:
        return moment(job.created_at)

    @admin.display(description="ended at")
    def ended_at(self, job: Replay) -> str | None:
        return moment(job.finished_at) or "-"

    @admin.display(description="first events")
    def first_events(self, job: Replay) -> str:
        found = [(target_link(ids.to_text(ids.EVENT, event)),) for event in job.sample]
        return table(["event"], found)

    @admin.display(description="see also")
    def see_also(self, job: Replay) -> str:
        text = ids.to_text(ids.REPLAY, job.pk)
        return neighbours(
            ("dead letters it decided", "deliveries_deadletter", {"q": text, "decision": "all"}),
            ("audit log", "endpoints_auditentry", {"q": text}),
        )

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = path(
            "<path:object_id>/<str:action>/do/", wrap(self.act), name="deliveries_replay_act"
        )
        return [own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        state = job.state if job and self.reaches(request, job, Capability.REPLAY) else ""
        actions = [name for name, (states, _) in ACTIONS.items() if state in states]
        runs = state == Replay.State.RUNNING
        context = {**(extra_context or {}), "job_actions": actions, "runs": runs}
        return super().change_view(request, object_id, form_url, context)

    def act(self, request: HttpRequest, object_id: str, action: str) -> HttpResponse:
        """Pause, resume or cancel a job, after it was confirmed."""
        job: Replay = self.get_or_refuse(request, object_id, Capability.REPLAY)
        page = reverse("admin:deliveries_replay_change", args=[job.pk])
        if action not in ACTIONS:
            return HttpResponseRedirect(page)
        title = f"{action.capitalize()} the replay"
        if request.method != "POST":
            text = EXPLAINED[action]
            return own_page(self, request, title, row=job, explanation=text, form=ConfirmForm())
        try:
            changed = replay.change(job, action, actor=actor(request))
            self.message_user(request, f"The replay is {changed.state}.", messages.SUCCESS)
        except WrongStateError as error:
            self.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(page)


#: Filters whose values are ids, which are stored bare.
_PREFIXES = {"endpoint_ids": ids.ENDPOINT, "letter_ids": ids.DEAD_LETTER}
_TITLES = {
    "endpoint_ids": "endpoints",
    "endpointIds": "endpoints",
    "letter_ids": "dead letters",
    "eventId": "event",
    "status_code_class": "class of the last answer",
    "since": "published since",
    "until": "published until",
    "statuses": "status",
}


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


def _named(name: str, value: Any) -> SafeString:
    """Return a stored filter's value as people know it."""
    values = value if isinstance(value, list) else [value]
    shown = format_html_join(", ", "{}", ((_shown(name, each),) for each in values[:SHOWN]))
    more = len(values) - SHOWN
    return format_html("{} and {} more", shown, more) if more > 0 else shown


def _shown(name: str, value: Any) -> SafeString | str:
    if name in _PREFIXES:
        return target_link(ids.to_text(_PREFIXES[name], UUID(value)))
    if name == "statuses":
        return str(DeliveryStatus(value).label)
    if name == "status_code_class":
        return f"{value // 100}xx" if value else "no answer"
    return target_link(str(value))
