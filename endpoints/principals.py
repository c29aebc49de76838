"""Who calls the API, and what they may do."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from endpoints.models import ApiKey, PortalSession

Scope = ApiKey.Scope

#: What may be done with signing secrets; a scope of its own only for tokens of the app portal.
VIEW_SECRET, ROTATE_SECRET = "view-secret", "rotate-secret"
_SECRETS = {
    PortalSession.Capability.VIEW_ENDPOINT_SECRET: frozenset({VIEW_SECRET}),
    PortalSession.Capability.MANAGE_ENDPOINT_SECRET: frozenset({VIEW_SECRET, ROTATE_SECRET}),
}
#: What a scope includes besides itself.
_INCLUDED = {Scope.MANAGE: frozenset({Scope.READ, Scope.REPLAY})}


@dataclass(frozen=True)
class Principal:
    """An authenticated caller: an API key or a token, of an organization or of one tenant of it."""

    #: None for a token that is not stored here.
    key_id: UUID | None
    #: How audit entries name the caller.
    name: str
    organization_id: UUID
    #: Set for a key that works for one tenant only.
    tenant_id: UUID | None
    #: Scopes with what they include.
    scopes: frozenset[str]
    expires_at: datetime | None = None
    #: A tenant's token sees event types behind one of these flags, or none.
    feature_flags: tuple[str, ...] = ()
    #: A token of the app portal: its holder is a customer's, and learns nothing of the operator's.
    is_portal: bool = False

    #: What Django and DRF ask of a request's user.
    is_authenticated = True
    is_active = True

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or shown_scope(scope) in self.scopes

    @property
    def is_platform(self) -> bool:
        """Whether the key works for the whole organization."""
        return self.tenant_id is None


def with_included(scopes: list[str]) -> frozenset[str]:
    """Return `scopes` and all that they include."""
    included = [_INCLUDED.get(Scope(scope), frozenset()) for scope in scopes]
    return frozenset(scopes).union(*included)


def of_capabilities(capabilities: Collection[str]) -> frozenset[str]:
    """Return what a portal's capabilities allow besides its scopes."""
    return frozenset().union(
        *[held for capability, held in _SECRETS.items() if capability in capabilities]
    )


def shown_scope(scope: str) -> str:
    """Return the scope that a key would need, as it is known outside."""
    return Scope.MANAGE.value if scope in (VIEW_SECRET, ROTATE_SECRET) else scope
