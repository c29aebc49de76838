"""Bring one application: found again by its id, or by its uid where it was made here before."""

from uuid import UUID

from deliveries.svix_import import placing
from deliveries.svix_import.bring_event_type import ACTOR
from deliveries.svix_import.report import Done, Kind, NotBroughtError, Report
from deliveries.svix_import.source import Row
from endpoints import tenants
from endpoints.api.serializers.applications import ApplicationIn
from endpoints.models import Organization, Tenant
from endpoints.tenants import TenantValues
from webhooks_platform.lib import ids


def bring(organization: Organization, row: Row, report: Report) -> tuple[Tenant, Done]:
    """Create or update it; raises what the API's own rules refuse."""
    wanted_id, values = _place(organization, row), _values(row)
    own = Tenant.objects.filter(organization=organization)
    found = placing.found(own, wanted_id, values.get("uid"), "application")
    if found is None:
        tenant = tenants.create(organization.id, values, actor=ACTOR, known_id=wanted_id)
        done = Done.CREATED
    else:
        tenant = tenants.update(found, values, actor=ACTOR)
        done = Done.UNCHANGED if tenant.version == found.version else Done.UPDATED
    report.place(Kind.APPLICATION, row["id"], ids.to_text(ids.TENANT, tenant.id))
    return tenant, done


def _place(organization: Organization, row: Row) -> UUID:
    text = row.get("id")
    if not isinstance(text, str) or not text:
        raise NotBroughtError("the source shows no id for it")
    own = placing.kept(ids.TENANT, text)
    elsewhere = Tenant.objects.exclude(organization=organization)
    if own is None or elsewhere.filter(id=own).exists():
        return placing.computed(text, row.get("createdAt"), organization.id)
    return own


def _values(row: Row) -> TenantValues:
    wanted = {name: row.get(name) for name in ("name", "uid", "metadata")}
    wanted["throttleRate"] = row.get("throttleRate", row.get("rateLimit"))
    if "policy" in row:  # Ours alone; what svix does not know is left as it is here.
        wanted["policy"] = row["policy"]
    body = ApplicationIn(data=wanted, partial=True)
    body.is_valid(raise_exception=True)
    values: TenantValues = body.validated_data
    return values
