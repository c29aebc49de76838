"""The admin's pages of the configuration plane: who receives, who may call, who decides."""

from endpoints.admin.api_keys import ApiKeyAdmin
from endpoints.admin.audit import AuditEntryAdmin
from endpoints.admin.endpoints import EndpointAdmin
from endpoints.admin.event_types import EventTypeAdmin
from endpoints.admin.organizations import OrganizationAdmin, TenantAdmin
from endpoints.admin.people import MembershipAdmin, PersonAdmin

__all__ = [
    "ApiKeyAdmin",
    "AuditEntryAdmin",
    "EndpointAdmin",
    "EventTypeAdmin",
    "MembershipAdmin",
    "OrganizationAdmin",
    "PersonAdmin",
    "TenantAdmin",
]
