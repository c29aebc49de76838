"""Who receives: organizations, their tenants, the tenants' endpoints and what guards them."""

from endpoints.models.audit_entries import AuditEntry
from endpoints.models.callers import ApiKey, Membership
from endpoints.models.endpoints import Endpoint, EndpointHealth, SigningSecret
from endpoints.models.portal_sessions import PortalSession
from endpoints.models.tenants import EventType, Organization, Tenant
from endpoints.models.throttles import Throttle
from endpoints.models.usage_questions import UsageQuestion

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Endpoint",
    "EndpointHealth",
    "EventType",
    "Membership",
    "Organization",
    "PortalSession",
    "SigningSecret",
    "Tenant",
    "Throttle",
    "UsageQuestion",
]
