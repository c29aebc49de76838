"""Bring one endpoint with its headers and its secret, so that its receiver notices nothing.

An endpoint that would be sent to without what its receiver checks is kept disabled here, until
somebody has given it what the source does not show: a redacted header, the private half of an
Ed25519 key. The next run then enables it.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from deliveries.svix_import import placing
from deliveries.svix_import.bring_event_type import ACTOR
from deliveries.svix_import.report import Done, Kind, NotBroughtError, Report
from deliveries.svix_import.source import Row, Source
from endpoints import custom_headers, lifecycle, rotation, signing_secrets
from endpoints.api.serializers.endpoints import EndpointUpdate, HeadersIn
from endpoints.lifecycle import EndpointValues
from endpoints.models import Endpoint, EventType, Tenant
from endpoints.signing_secrets import ED25519_PUBLIC_PREFIX
from webhooks_platform.lib import ids

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An endpoint as the source shows it; `name` is for people, `hidden` are names of headers."""

    name: str
    row: Row
    key: str = field(repr=False)
    headers: Headers = field(repr=False)
    hidden: tuple[str, ...]


def read(source: Source, app_id: str, row: Row, name: str) -> Snapshot:
    """Ask for the endpoint's secret and headers too. Raises SourceError, ValidationError."""
    endpoint_id = row.get("id")
    if not isinstance(endpoint_id, str) or not endpoint_id:
        raise NotBroughtError("the source shows no id for it")
    shown = source.get("app", app_id, "endpoint", endpoint_id, "headers")
    secret = source.get("app", app_id, "endpoint", endpoint_id, "secret")
    headers = HeadersIn(data={"headers": shown.get("headers") or {}})
    headers.is_valid(raise_exception=True)
    hidden = tuple(str(each) for each in shown.get("sensitive") or ())
    pairs = list(headers.validated_data["headers"].items())
    return Snapshot(name, row, str(secret.get("key")), pairs, hidden)


def bring(tenant: Tenant, snapshot: Snapshot, types: Set[str], report: Report) -> Done:
    """Create or update it; raises what the API's own rules refuse. The caller has a transaction."""
    values = _values(tenant, snapshot.row, types)
    wanted_id = _place(tenant, snapshot.row)
    own = Endpoint.objects.filter(tenant=tenant)
    found = placing.found(own, wanted_id, values.get("uid"), "endpoint")
    if found is None:
        endpoint, lacks = _create(tenant, wanted_id, values, snapshot)
        done = Done.CREATED
    else:
        endpoint, lacks = _update(found, values, snapshot)
        done = Done.UNCHANGED if endpoint.version == found.version else Done.UPDATED
    report.place(Kind.ENDPOINT, snapshot.row["id"], ids.to_text(ids.ENDPOINT, endpoint.id))
    for lack in lacks:
        report.wait(snapshot.name, lack)
    return done


def _create(
    tenant: Tenant, wanted_id: UUID, values: EndpointValues, snapshot: Snapshot
) -> tuple[Endpoint, list[str]]:
    lacks = [_header_lack(name) for name in snapshot.hidden]
    key = snapshot.key
    if key.startswith(ED25519_PUBLIC_PREFIX):
        lacks.append(_KEY_LACK)
        key = signing_secrets.generate_ed25519()
    signing_secrets.parse_secret(key)
    values = {**values, "disabled": values["disabled"] or bool(lacks)}
    endpoint = lifecycle.create(
        tenant, values, actor=ACTOR, secret=key, headers=snapshot.headers, known_id=wanted_id
    )
    return endpoint, lacks


def _update(
    found: Endpoint, values: EndpointValues, snapshot: Snapshot
) -> tuple[Endpoint, list[str]]:
    here = {name.lower(): (name, value) for name, value in custom_headers.opened(found)}
    filled_in = [here[name.lower()] for name in snapshot.hidden if name.lower() in here]
    lacks = [_header_lack(name) for name in snapshot.hidden if name.lower() not in here]
    lifecycle.replace_headers(found, [*snapshot.headers, *filled_in], actor=ACTOR)
    lacks += _same_secret(found, snapshot.key)
    # What the platform has disabled, for its receiver is gone or keeps failing, stays so.
    if found.disabled_reason in (None, Endpoint.Disabled.BY_USER):
        values = {**values, "disabled": values["disabled"] or bool(lacks)}
    else:
        values = {name: value for name, value in values.items() if name != "disabled"}  # type: ignore[assignment]
    return lifecycle.update(found, values, actor=ACTOR), lacks


def _same_secret(endpoint: Endpoint, key: str) -> list[str]:
    """Make the source's secret the one that signs here, with an overlap; return what lacks."""
    current = rotation.current(endpoint)
    if key == current.receiver_text:
        return []
    if key.startswith(ED25519_PUBLIC_PREFIX):
        return [_KEY_LACK]
    if signing_secrets.parse_secret(key) != current:
        rotation.rotate(endpoint, actor=ACTOR, key=key)
    return []


_KEY_LACK = "the private half of its Ed25519 key (POST …/secret/rotate with a whsk_… key)"


def _header_lack(name: str) -> str:
    return f"its header {name}, whose value the source does not show (PATCH …/headers)"


def _values(tenant: Tenant, row: Row, types: Set[str]) -> EndpointValues:
    wanted = {name: row.get(name) for name in ("url", "uid", "description", "channels", "metadata")}
    wanted |= {
        "disabled": row.get("disabled") or False,
        "eventTypes": row.get("eventTypes", row.get("filterTypes")),
        "throttleRate": row.get("throttleRate", row.get("rateLimit")),
    }
    if "policy" in row:  # Ours alone; what svix does not know is left as it is here.
        wanted["policy"] = row["policy"]
    body = EndpointUpdate(data=wanted, partial=True)
    body.is_valid(raise_exception=True)
    _check_types(tenant, body.validated_data, types)
    return cast(EndpointValues, body.validated_data)


def _check_types(tenant: Tenant, values: Mapping[str, Any], types: Set[str]) -> None:
    """Raise if a filter names what is not in the catalogue; archived types may be named."""
    names = {*(values["event_types"] or ())} - types
    rows = EventType.objects.filter(organization_id=tenant.organization_id, name__in=names)
    missing = sorted(names - {*rows.values_list("name", flat=True)})
    if missing:
        raise NotBroughtError(f"these event types don't exist here: {', '.join(missing)}")


def _place(tenant: Tenant, row: Row) -> UUID:
    own = placing.kept(ids.ENDPOINT, row["id"])
    if own is None or Endpoint.objects.filter(id=own).exclude(tenant=tenant).exists():
        return placing.computed(row["id"], row.get("createdAt"), tenant.id)
    return own
