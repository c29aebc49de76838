"""Create, change, close and delete endpoints.

Every change locks the endpoint's row, raises its version, so that it holds for the next message
in every process, and is audited in the same transaction. Called by the API, the admin and, for
an endpoint that is gone or keeps failing, by whoever notices.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypedDict
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from endpoints import announcing, closing, custom_headers, rotation
from endpoints.address_policy import AddressPolicy
from endpoints.announcing import Kind, announce
from endpoints.audit import Actor, record_endpoint
from endpoints.breaker import OPENS_AT
from endpoints.changes import apply, lock_endpoint, lock_tenant, unique_uid
from endpoints.custom_headers import Headers
from endpoints.models import Endpoint, EndpointHealth, Tenant
from endpoints.url_policy import EndpointUrl, parse_url
from webhooks_platform.lib import ids, keyring
from webhooks_platform.lib.keyring import KeyringError

# Changes of these have audit entries of their own.
DISABLING = ("disabled_at", "disabled_reason")


class EndpointValues(TypedDict, total=False):
    """What an API client or an admin may set; what is absent stays as it is."""

    uid: str | None
    #: Parsed and allowed before (checked_url).
    url: EndpointUrl
    description: str
    disabled: bool
    event_types: list[str] | None
    channels: list[str] | None
    throttle_rate: int | None
    metadata: dict[str, str]
    #: Checked before (policy.checked).
    policy: dict[str, Any]


def checked_url(text: str) -> EndpointUrl:
    """Read a URL that somebody wants to save; raise UrlNotAllowed.

    Names are not resolved: what they stand for is judged whenever it is dialled.
    """
    environment = settings.ENVIRONMENT
    url = parse_url(text, https_only=environment.WEBHOOKS_HTTPS_ONLY)
    own = parse_url(environment.WEBHOOKS_PUBLIC_URL)
    guard = AddressPolicy(
        allowed_networks=environment.WEBHOOKS_ALLOWED_NETWORKS, own_hosts=[(own.host, own.port)]
    )
    guard.check_literal(url)
    return url


def create(
    tenant: Tenant,
    values: EndpointValues,
    *,
    actor: Actor,
    secret: str | None = None,
    headers: Headers = (),
    known_id: UUID | None = None,
) -> Endpoint:
    """Store a new endpoint with its first secret, fresh unless given; `known_id` from elsewhere.

    Raises UidTakenError, InvalidSecretError, HeadersNotAllowedError and, when the tenant has
    been deleted meanwhile, Tenant.DoesNotExist.
    """
    with unique_uid(), transaction.atomic():
        endpoint = Endpoint(id=known_id or ids.new(), tenant=lock_tenant(tenant.id))
        for name, value in _columns(endpoint, values).items():
            setattr(endpoint, name, value)
        endpoint.headers = custom_headers.sealed(endpoint, headers)
        endpoint.save(force_insert=True)
        rotation.store_first(endpoint, secret)
        record_endpoint(actor, "endpoint.created", endpoint)
        announce(announcing.of(endpoint, Kind.CREATED))
    return endpoint


def update(endpoint: Endpoint, values: EndpointValues, *, actor: Actor) -> Endpoint:
    """Store what differs from the row as it is now; raise UidTakenError, DoesNotExist.

    `disabled` closes or opens the endpoint, as disable() and enable() do.
    """
    with unique_uid(), transaction.atomic():
        locked = lock_endpoint(endpoint.id)
        was_disabled = locked.disabled_at is not None
        changed = apply(locked, _columns(locked, values))
        if shown := [name for name in changed if name not in DISABLING]:
            record_endpoint(actor, "endpoint.updated", locked, changed=shown)
            announce(announcing.of(locked, Kind.UPDATED))
        if was_disabled != (locked.disabled_at is not None):
            _closed_or_opened(locked, actor)
    return locked


def disable(
    endpoint: Endpoint,
    *,
    actor: Actor,
    reason: Endpoint.Disabled = Endpoint.Disabled.BY_USER,
    note: str = "",
) -> Endpoint:
    """Send nothing more to the endpoint until it is enabled; no change if it is disabled."""
    with transaction.atomic():
        locked = lock_endpoint(endpoint.id)
        if locked.disabled_at is None:
            apply(locked, {"disabled_at": timezone.now(), "disabled_reason": reason})
            _closed_or_opened(locked, actor, note)
    return locked


def enable(endpoint: Endpoint, *, actor: Actor, note: str = "") -> Endpoint:
    """Send to the endpoint again, from the next event on; parked deliveries stay parked."""
    with transaction.atomic():
        locked = lock_endpoint(endpoint.id)
        if apply(locked, {"disabled_at": None, "disabled_reason": None}):
            _closed_or_opened(locked, actor, note)
    return locked


def delete(endpoint: Endpoint, *, actor: Actor) -> None:
    """End the endpoint and what was on its way to it; its uid is free again."""
    with transaction.atomic():
        locked = lock_endpoint(endpoint.id)
        # As it was: the uid is given up.
        told = announcing.of(locked, Kind.DELETED)
        apply(locked, {"uid": None, "deleted_at": timezone.now()})
        closing.close([locked.id], closing.Ending.DELETED)
        record_endpoint(actor, "endpoint.deleted", locked)
        announce(told)


def replace_headers(endpoint: Endpoint, headers: Headers, *, actor: Actor) -> None:
    """Store `headers` in place of those before, readable or not; raise HeadersNotAllowedError."""
    with transaction.atomic():
        locked = lock_endpoint(endpoint.id)
        try:
            before = custom_headers.opened(locked)
        except KeyringError:
            before = []
        _store_headers(locked, before, headers, actor)


def patch_headers(
    endpoint: Endpoint, changes: Mapping[str, str], deleted: Collection[str], *, actor: Actor
) -> None:
    """Set the headers in `changes`, remove those in `deleted`, keep the others.

    Raises HeadersNotAllowedError, and KeyringError if those before cannot be decrypted.
    """
    with transaction.atomic():
        locked = lock_endpoint(endpoint.id)
        before = custom_headers.opened(locked)
        _store_headers(locked, before, custom_headers.merged(before, changes, deleted), actor)


def _store_headers(endpoint: Endpoint, before: Headers, after: Headers, actor: Actor) -> None:
    sealed = custom_headers.sealed(endpoint, after)
    names = sorted({name for name, _ in {*before} ^ {*after}})
    # Sealing the same value twice gives different tokens, so the values are compared.
    if names or (sealed is None) != (endpoint.headers is None):
        apply(endpoint, {"headers": sealed})
        record_endpoint(actor, "headers.updated", endpoint, names=names)
        announce(announcing.of(endpoint, Kind.UPDATED))


def _closed_or_opened(endpoint: Endpoint, actor: Actor, note: str = "") -> None:
    """Do what follows from a change of `disabled_at`, after it has been saved."""
    detail = {"note": note} if note else {}
    if endpoint.disabled_at is None:
        _forgive(endpoint)
        record_endpoint(actor, "endpoint.enabled", endpoint, **detail)
        announce(announcing.of(endpoint, Kind.ENABLED))
        return
    closing.close([endpoint.id], closing.Ending.DISABLED)
    reason = endpoint.disabled_reason
    record_endpoint(actor, "endpoint.disabled", endpoint, reason=reason, **detail)
    announce(announcing.of_disabled(endpoint))


def _forgive(endpoint: Endpoint) -> None:
    """Let an enabled endpoint begin anew: nothing exhausted, its breaker closed."""
    health = EndpointHealth.objects.filter(endpoint=endpoint)
    health.filter(consecutive_stalls__gte=OPENS_AT).update(paused_until=None)
    health.update(first_exhausted_at=None, consecutive_stalls=0, probe_id=None)


def _columns(endpoint: Endpoint, values: EndpointValues) -> dict[str, Any]:
    """Return the model's fields that `values` set."""
    columns: dict[str, Any] = {**values}
    url = columns.pop("url", None)
    if url is not None:
        columns["url"] = url.display
        # A client that sends back the URL it was shown does not thereby drop the credentials.
        if url.userinfo is not None or url.display != endpoint.url:
            columns["userinfo"] = _sealed_userinfo(endpoint, url)
    disabled = columns.pop("disabled", None)
    if disabled is not None and disabled != (endpoint.disabled_at is not None):
        columns["disabled_at"] = timezone.now() if disabled else None
        columns["disabled_reason"] = Endpoint.Disabled.BY_USER if disabled else None
    return columns


def _sealed_userinfo(endpoint: Endpoint, url: EndpointUrl) -> bytes | None:
    if url.userinfo is None:
        return None
    return keyring.configured().seal(":".join(url.userinfo), bound_to=endpoint.id)
