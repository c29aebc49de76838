"""The configuration plane's routes, below `/api/v1/`."""

from django.urls import path

from endpoints.api.views.api_keys import ApiKeys, OneApiKey
from endpoints.api.views.applications import Application, Applications
from endpoints.api.views.audit import Audit, AuditOfApplication
from endpoints.api.views.endpoint_headers import EndpointHeaders
from endpoints.api.views.endpoint_secrets import EndpointSecret, EndpointSecretRotation
from endpoints.api.views.endpoints import Endpoint, Endpoints
from endpoints.api.views.event_type_import import EventTypeImport
from endpoints.api.views.event_types import EventType, EventTypes
from endpoints.api.views.operational import OperationalEndpoint, OperationalEndpoints
from endpoints.api.views.operational_secrets import (
    OperationalHeaders,
    OperationalSecret,
    OperationalSecretRotation,
)
from endpoints.api.views.portal import (
    DashboardAccess,
    ExpireAll,
    Logout,
    OneTimeToken,
    PortalAccess,
)

ENDPOINT = "app/<str:app_id>/endpoint/<str:endpoint_id>"
OPERATIONAL = "operational-webhook/endpoint/<str:endpoint_id>"

urlpatterns = [
    path("app", Applications.as_view()),
    path("app/<str:app_id>", Application.as_view()),
    path("app/<str:app_id>/endpoint", Endpoints.as_view()),
    path(ENDPOINT, Endpoint.as_view()),
    path(f"{ENDPOINT}/headers", EndpointHeaders.as_view()),
    path(f"{ENDPOINT}/secret", EndpointSecret.as_view()),
    path(f"{ENDPOINT}/secret/rotate", EndpointSecretRotation.as_view()),
    path("operational-webhook/endpoint", OperationalEndpoints.as_view()),
    path(OPERATIONAL, OperationalEndpoint.as_view()),
    path(f"{OPERATIONAL}/headers", OperationalHeaders.as_view()),
    path(f"{OPERATIONAL}/secret", OperationalSecret.as_view()),
    path(f"{OPERATIONAL}/secret/rotate", OperationalSecretRotation.as_view()),
    path("app/<str:app_id>/audit", AuditOfApplication.as_view()),
    path("audit", Audit.as_view()),
    path("api-key", ApiKeys.as_view()),
    path("api-key/<str:key_id>", OneApiKey.as_view()),
    path("auth/app-portal-access/<str:app_id>", PortalAccess.as_view()),
    path("auth/dashboard-access/<str:app_id>", DashboardAccess.as_view()),
    path("auth/app/<str:app_id>/expire-all", ExpireAll.as_view()),
    path("auth/logout", Logout.as_view()),
    path("auth/one-time-token", OneTimeToken.as_view()),
    path("event-type", EventTypes.as_view()),
    path("event-type/import/openapi", EventTypeImport.as_view()),
    path("event-type/<str:name>", EventType.as_view()),
]
