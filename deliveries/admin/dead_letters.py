"""Dead letters: what was given up on, why, and deciding about one, many or all that match."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from deliveries import replay
from deliveries.admin.deciding import (
    Choice,
    DecisionForm,
    ReplayForm,
    TooManyError,
    choose,
    discard,
)
from deliveries.admin.events import event_ids, payload_state
from deliveries.admin.filters import EventTypeFilter, ReasonFilter, SinceFilter, StatusClassFilter
from deliveries.admin.history import EndpointFilter, HistoryAdmin
from deliveries.admin.showing import badge, last_answer, link, moment
from deliveries.admin.summary import shown
from deliveries.models import Attempt, DeadLetter, Delivery, Event, Replay
from deliveries.queries import dead_letters
from endpoints.admin.filters import SimpleListFilter, TenantFilter
from endpoints.admin.pages import own_page, sent
from endpoints.admin.scope import access, actor
from endpoints.models import AuditEntry, Endpoint
from endpoints.roles import Capability
from webhooks_platform.lib import ids

#: Groups of the summary.
GROUPS = 50
LIST = "admin:deliveries_deadletter_changelist"


class DecisionFilter(SimpleListFilter):
    """Those that await a decision, unless another is asked for; a search finds all."""

    title = "decision"
    parameter_name = "decision"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("all", "All"), *DeadLetter.Decision.choices]

    def choices(self, changelist: Any) -> Any:
        whole, *others = super().choices(changelist)
        return [whole | {"display": "Any" if changelist.query else "Open"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all" or (self.value() is None and request.GET.get("q")):
            return queryset
        if self.value() is None:
            return queryset.filter(decision__isnull=True)
        return queryset.filter(decision=self.value())


@admin.register(DeadLetter)
class DeadLetterAdmin(HistoryAdmin):
    id_prefix = ids.DEAD_LETTER
    organization_field = "organization_id"
    finders = {
        ids.DELIVERY: lambda found: {"delivery_id": found},
        ids.DEAD_LETTER: lambda found: {"id": found},
        ids.EVENT: lambda found: {"event_id": found},
        ids.ENDPOINT: lambda found: {"endpoint_id": found},
        ids.TENANT: lambda found: {"tenant_id": found},
        ids.REPLAY: lambda found: {"replay_id": found},
    }
    change_list_template = "admin/deliveries/deadletter/change_list.html"
    change_form_template = "admin/deliveries/deadletter/change_form.html"
    list_display = [
        "wire_id", "tenant", "endpoint", "event_type", "why", "last", "given_up_at", "decided",
    ]  # fmt: skip
    list_filter = [
        DecisionFilter, ReasonFilter, StatusClassFilter, SinceFilter, TenantFilter, EndpointFilter,
        EventTypeFilter,
    ]  # fmt: skip
    actions = ["replay_selected", "discard_selected"]
    fields = readonly_fields = (
        "wire_id", "tenant", "event", "payload", "delivery", "endpoint", "event_type", "why",
        "attempts",
        "last_attempt", "last", "given_up_at", "decided", "decided_by", "note",
        "decided_by_replay",
    )  # fmt: skip

    def find_by_uid(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter], uid: str
    ) -> QuerySet[DeadLetter]:
        found = event_ids(self.visible_tenants(request), uid)
        return queryset.filter(event_id__in=found) if found else queryset.none()

    @admin.display(description="reason")
    def why(self, letter: DeadLetter) -> str:
        return badge(letter.get_reason_display(), "bad")

    @admin.display(description="last answer")
    def last(self, letter: DeadLetter) -> str:
        return last_answer(letter)

    @admin.display(description="given up at")
    def given_up_at(self, letter: DeadLetter) -> str | None:
        return moment(letter.created_at)

    @admin.display(description="decision")
    def decided(self, letter: DeadLetter) -> str:
        if letter.decision is None:
            return badge("open", "waits")
        return badge(f"{letter.decision} {moment(letter.decided_at)}", "quiet")

    @admin.display(description="event")
    def event(self, letter: DeadLetter) -> str:
        return link(Event, letter.event_id, prefix=ids.EVENT)

    @admin.display(description="payload")
    def payload(self, letter: DeadLetter) -> str:
        return payload_state(letter.event_id)

    @admin.display(description="delivery")
    def delivery(self, letter: DeadLetter) -> str:
        return link(Delivery, letter.delivery_id, prefix=ids.DELIVERY)

    @admin.display(description="last attempt")
    def last_attempt(self, letter: DeadLetter) -> str:
        return link(Attempt, letter.last_attempt_id, prefix=ids.ATTEMPT)

    @admin.display(description="replay")
    def decided_by_replay(self, letter: DeadLetter) -> str:
        return link(Replay, letter.replay_id, prefix=ids.REPLAY)

    def audited_as(self, row: DeadLetter) -> str:
        """A decision about many has one entry: of the job, or of the tenant for discards."""
        own = self.wire_id(row)
        if row.replay_id is not None:
            return ids.to_text(ids.REPLAY, row.replay_id)
        if row.decision is None or AuditEntry.objects.filter(target=own).exists():
            return own
        return ids.to_text(ids.TENANT, row.tenant_id)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return self.reaches(request, None, Capability.REPLAY)

    @admin.action(description="Replay the selected dead letters…", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> HttpResponse:
        return self._decide_about(request, "replay", rows)

    @admin.action(description="Discard the selected dead letters…", permissions=["replay"])
    def discard_selected(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> HttpResponse:
        return self._decide_about(request, "discard", rows)

    def _decide_about(
        self, request: HttpRequest, verb: str, rows: QuerySet[DeadLetter]
    ) -> HttpResponse:
        """Lead to the page that confirms: about all that the filters select, or those ticked."""
        query = {name: value for name, value in request.GET.items() if value}
        if request.POST.get("select_across") != "1":
            ticked = rows.values_list("id", flat=True)[: self.list_per_page]
            query = {"letters": ",".join(ids.to_text(ids.DEAD_LETTER, row) for row in ticked)}
        url = reverse(f"admin:deliveries_deadletter_{verb}")
        return HttpResponseRedirect(f"{url}?{urlencode(query)}")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(f"{name}/", wrap(view), name=f"deliveries_deadletter_{name}")
            for name, view in (
                ("replay", self.replay_many),
                ("discard", self.discard_many),
                ("summary", self.summary),
            )
        ]
        return own + super().get_urls()

    def replay_many(self, request: HttpRequest) -> HttpResponse:
        """Show how many letters are meant; on POST start a job for each of their tenants."""
        form, title = ReplayForm(sent(request)), "Replay dead letters"
        choice = self._choice(request, replays=True)
        if isinstance(choice, HttpResponse):
            return choice
        if request.method != "POST" or not form.is_valid() or not choice.total:
            rate = form.cleaned_data.get("rate_per_second") if form.is_bound else None
            return self._confirm(request, title, form, choice, rate)
        jobs = [
            replay.start(
                tenant,
                choice.selections[tenant],
                note=form.cleaned_data["note"],
                rate_per_second=form.cleaned_data["rate_per_second"],
                actor=actor(request),
            )
            for tenant in choice.counts
        ]
        total = sum(job.total for job in jobs)
        text = (
            "1 delivery is being replayed."
            if total == 1
            else f"{total} deliveries are being replayed."
        )
        self.message_user(request, text, messages.SUCCESS)
        if len(jobs) == 1:
            page = reverse("admin:deliveries_replay_change", args=[jobs[0].pk])
            return HttpResponseRedirect(page)
        return HttpResponseRedirect(reverse("admin:deliveries_replay_changelist"))

    def discard_many(self, request: HttpRequest) -> HttpResponse:
        """Show how many letters are meant; on POST discard them, some ten thousand at a time."""
        form, title = DecisionForm(sent(request)), "Discard dead letters"
        choice = self._choice(request, replays=False)
        if isinstance(choice, HttpResponse):
            return choice
        if request.method != "POST" or not form.is_valid() or not choice.total:
            return self._confirm(request, title, form, choice)
        note = form.cleaned_data["note"]
        done = discard(choice, note, actor(request))
        self.message_user(request, f"{done.count} dead letters are discarded.", messages.SUCCESS)
        if done.more:
            choice = self._choice(request, replays=False)
            if isinstance(choice, Choice) and choice.total:
                return self._confirm(request, title, form, choice, goes_on=True)
        return HttpResponseRedirect(_list_of(request))

    def _choice(self, request: HttpRequest, *, replays: bool) -> Choice | HttpResponse:
        """Return what the list's filters in the URL select; or where to go instead."""
        if not self.has_replay_permission(request):
            raise PermissionDenied
        query = request.GET.copy()
        letters = query.pop("letters", [None])[-1]
        request.GET = query  # type: ignore[assignment]
        rows = self.get_changelist_instance(request).queryset
        if letters is not None:
            # None at all, if those ticked have been decided meanwhile: never all of them.
            query["letters"] = letters
            rows = rows.filter(id__in=filter(None, map(_letter, letters.split(","))))
        try:
            asked = {name: str(query[name]) for name in query}
            tenants = access(request).tenants(Capability.REPLAY)
            return choose(rows, asked, tenants, replays=replays)
        except TooManyError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(_list_of(request))

    def _confirm(
        self,
        request: HttpRequest,
        title: str,
        form: DecisionForm,
        choice: Choice,
        rate: int | None = None,
        *,
        goes_on: bool = False,
    ) -> HttpResponse:
        seconds = replay.estimated_seconds(choice.total, rate)
        return own_page(
            self,
            request,
            title,
            form=form if choice.total else None,
            template="admin/deliveries/deadletter/decide.html",
            choice=choice,
            letters=[(link(DeadLetter, row.pk, str(row)), row) for row in choice.sample],
            estimate=seconds if isinstance(form, ReplayForm) else None,
            goes_on=goes_on,
        )

    def summary(self, request: HttpRequest) -> HttpResponse:
        """Group the open letters by what they have in common; each group links to its list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.visible(request, DeadLetter.objects.filter(decision=None))
        groups = dead_letters.summary(rows)[:GROUPS]
        wanted = [group["endpoint_id"] for group in groups]
        known = Endpoint.objects.select_related("tenant").in_bulk(wanted)
        return own_page(
            self,
            request,
            "Open dead letters by cause",
            template="admin/deliveries/deadletter/summary.html",
            groups=[shown(group, known.get(group["endpoint_id"])) for group in groups],
        )


def _list_of(request: HttpRequest) -> str:
    """Return the list with the filters of the page, but for letters that were ticked."""
    kept = {name: value for name, value in request.GET.items() if name != "letters"}
    return f"{reverse(LIST)}?{urlencode(kept)}"


def _letter(text: str) -> Any:
    try:
        return ids.from_text(ids.DEAD_LETTER, text)
    except ids.MalformedIdError:
        return None
