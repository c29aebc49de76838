"""From the dead letters that somebody sees in a list to a decision about them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Count, QuerySet

from deliveries.admin.filters import CLASSES, moment_of
from deliveries.models import DeadLetter
from deliveries.replay import Discarded, discard_all
from deliveries.selection import Selection
from endpoints.admin.filters import id_of
from endpoints.audit import Actor
from endpoints.models import Endpoint, Tenant
from webhooks_platform.lib import ids

#: Parts of a list's address that choose letters and that a selection says as well; paging and order
#: choose none.
UNDERSTOOD = frozenset(
    {"letters", "q", "decision", "reason", "status_class", "since", "tenant", "endpoint"}
    | {"event_type", "p", "o", "all", "e"}
)
#: Letters that a decision can name one by one, and tenants that it can be about.
NAMED_AT_MOST = 200
TENANTS_AT_MOST = 20
SAMPLE = 10
#: After so many seconds no further tenant is begun with, whose letters take up to 0.6 s.
PAGE_SECONDS = 0.3
RATE_MAX = 10_000
NOTE_MAX = 1000


class DecisionForm(forms.Form):
    note = forms.CharField(
        label="Reason",
        max_length=NOTE_MAX,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with every letter and in the audit log.",
    )


class ReplayForm(DecisionForm):
    rate_per_second = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=RATE_MAX,
        label="Deliveries per second",
        help_text="Empty for as fast as the receivers take them.",
    )


class TooManyError(Exception):
    """The decision is about more than one page can confirm; the message says what to narrow."""


@dataclass(frozen=True)
class Choice:
    """Open dead letters that somebody means to decide, with what he should know before."""

    #: Letters of each tenant.
    counts: Mapping[Tenant, int]
    sample: list[DeadLetter]
    #: Endpoints among theirs that are disabled: to them nothing is replayed.
    disabled: int
    #: Letters that match, but are left out: those of deleted endpoints, if this is a replay.
    deleted: int
    #: What selects each tenant's letters later. It is kept with the job and in the tenant's audit
    #: log, so it names nothing of another tenant.
    selections: Mapping[Tenant, Selection]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def choose(
    rows: QuerySet[DeadLetter], query: Mapping[str, str], tenants: Any, *, replays: bool
) -> Choice:
    """Return what the filtered rows of a list amount to, at tenants where the user may decide.

    `query` are the list's own filters, from which the jobs' selections are made. Raises
    TooManyError, also for a part of `query` that no selection knows: what is decided must be what
    was shown.
    """
    if unknown := sorted(set(query) - UNDERSTOOD):
        raise TooManyError(f"Nothing can be decided by {', '.join(unknown)}; use the filters.")
    wanted = rows.filter(decision=None, tenant_id__in=tenants.values("id")).order_by("-id")
    gone = _deleted(wanted) if replays else []
    deleted = wanted.filter(endpoint_id__in=gone).count() if gone else 0
    wanted = wanted.exclude(endpoint_id__in=gone)
    grouped = wanted.order_by().values("tenant_id").annotate(count=Count("id"))
    counts = {row["tenant_id"]: row["count"] for row in grouped[: TENANTS_AT_MOST + 1]}
    if len(counts) > TENANTS_AT_MOST:
        raise TooManyError(f"These are of more than {TENANTS_AT_MOST} tenants; narrow the filter.")
    selections = _selections(wanted, query, Tenant.objects.in_bulk(counts))
    return Choice(
        counts={tenant: counts[tenant.id] for tenant in selections},
        sample=list(wanted[:SAMPLE]),
        disabled=_disabled(wanted),
        deleted=deleted,
        selections=selections,
    )


def discard(choice: Choice, note: str, who: Actor) -> Discarded:
    """Discard what was chosen, tenant by tenant, for about as long as a page may take."""
    until = time.monotonic() + PAGE_SECONDS
    count, more = 0, False
    for tenant in choice.counts:
        if time.monotonic() > until:
            return Discarded(count, more=True)
        done = discard_all(tenant, choice.selections[tenant], note=note, actor=who)
        count, more = count + done.count, more or done.more
    return Discarded(count, more)


def _deleted(wanted: QuerySet[DeadLetter]) -> list[UUID]:
    """Return the deleted endpoints of letters; a replay leaves these out."""
    endpoints = wanted.order_by().values("endpoint_id").distinct()
    gone = Endpoint.objects.filter(id__in=endpoints, deleted_at__isnull=False)
    return list(gone.values_list("id", flat=True))


def _disabled(wanted: QuerySet[DeadLetter]) -> int:
    endpoints = wanted.order_by().values("endpoint_id").distinct()
    return Endpoint.objects.filter(id__in=endpoints, disabled_at__isnull=False).count()


def _selections(
    wanted: QuerySet[DeadLetter], query: Mapping[str, str], tenants: Mapping[UUID, Tenant]
) -> dict[Tenant, Selection]:
    """Return what selects the same letters later: by the filters, or by name if few are meant."""
    term = query.get("q", "").strip()
    if "letters" in query or (term and not term.startswith((ids.TENANT, ids.ENDPOINT))):
        own = _named(wanted)
        # A tenant without any (decided this instant) is left out: no names would mean all letters.
        return {
            tenant: Selection("dead-letter", letter_ids=tuple(own[tenant_id]))
            for tenant_id, tenant in tenants.items()
            if tenant_id in own
        }
    return dict.fromkeys(tenants.values(), _filtered(query, term))


def _filtered(query: Mapping[str, str], term: str) -> Selection:
    """Return the filters as a selection; an endpoint in it is of the only tenant with letters."""
    selection = Selection(
        "dead-letter",
        event_types=_one(query.get("event_type")),
        reasons=_one(query.get("reason")),
        status_code_class=_class(query.get("status_class")),
        given_up_since=moment_of(query.get("since")),
    )
    endpoint = id_of(ids.ENDPOINT, query.get("endpoint") or term)
    return selection if endpoint is None else replace(selection, endpoint_ids=(endpoint,))


def _named(wanted: QuerySet[DeadLetter]) -> dict[UUID, list[UUID]]:
    """Return the letters of each tenant."""
    found = list(wanted.values_list("tenant_id", "id")[: NAMED_AT_MOST + 1])
    if len(found) > NAMED_AT_MOST:
        raise TooManyError(f"At most {NAMED_AT_MOST} letters are found by a search; use filters.")
    of_tenants: dict[UUID, list[UUID]] = {}
    for tenant_id, letter_id in found:
        of_tenants.setdefault(tenant_id, []).append(letter_id)
    return of_tenants


def _one(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


def _class(text: str | None) -> int | None:
    return int(text) if text in CLASSES else None
