"""One run over a source: event types first, for endpoints name them; then each application."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import transaction

from deliveries.svix_import import bring_endpoint, bring_event_type, bring_tenant
from deliveries.svix_import.bring_endpoint import Snapshot
from deliveries.svix_import.report import Kind, Report
from deliveries.svix_import.source import LIMIT_WITH_CONTENT, Row, Source
from endpoints.models import Organization


def bring(
    source: Source,
    organization: Organization,
    report: Report,
    *,
    apps: Sequence[str] = (),
    dry_run: bool = False,
) -> None:
    """Bring everything, or only `apps` (ids or uids) and all event types; `report` is filled.

    A dry run does all of it and takes it back, application by application.
    """
    run = _Run(source, organization, report, dry_run)
    run.event_types()
    for app in run.applications(apps):
        run.application(app)


@dataclass(frozen=True, slots=True)
class _Run:
    source: Source
    organization: Organization
    report: Report
    dry_run: bool
    #: Names of event types that were good, also where a dry run has taken them back.
    types: set[str] = field(default_factory=set)

    def event_types(self) -> None:
        query = {"include_archived": "true", "with_content": "true"}
        with self.report.listing("the list of event types"):
            for row in self.source.pages("event-type", limit=LIMIT_WITH_CONTENT, **query):
                name = str(row.get("name"))
                with self.report.each(Kind.EVENT_TYPE, name), self._trial():
                    done = bring_event_type.bring(self.organization, row)
                    self.report.tell(Kind.EVENT_TYPE, name, done)
                    self.types.add(name)

    def applications(self, apps: Sequence[str]) -> Iterator[Row]:
        for app in apps:
            with self.report.each(Kind.APPLICATION, app):
                yield self.source.get("app", app)
        if not apps:
            with self.report.listing("the list of applications"):
                yield from self.source.pages("app", order="ascending")

    def application(self, app: Row) -> None:
        # Read first and stored then: no transaction is open while the source is asked.
        endpoints = list(self._snapshots(app))
        name = str(app.get("uid") or app.get("id"))
        with self.report.each(Kind.APPLICATION, name), self._trial():
            tenant, done = bring_tenant.bring(self.organization, app, self.report)
            self.report.tell(Kind.APPLICATION, name, done)
            for endpoint in endpoints:
                with self.report.each(Kind.ENDPOINT, endpoint.name), transaction.atomic():
                    done = bring_endpoint.bring(tenant, endpoint, self.types, self.report)
                    self.report.tell(Kind.ENDPOINT, endpoint.name, done)

    def _snapshots(self, app: Row) -> Iterator[Snapshot]:
        app_id = str(app.get("id"))
        with self.report.listing(f"the endpoints of {app_id}"):
            for row in self.source.pages("app", app_id, "endpoint", order="ascending"):
                name = f"{app.get('uid') or app_id}/{row.get('uid') or row.get('id')}"
                with self.report.each(Kind.ENDPOINT, name):
                    yield bring_endpoint.read(self.source, app_id, row, name)

    @contextmanager
    def _trial(self) -> Iterator[None]:
        """Take back what the block does if this is a dry run."""
        if not self.dry_run:
            yield
            return
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
