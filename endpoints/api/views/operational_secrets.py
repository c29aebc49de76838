"""Headers and secrets of operational endpoints, as those of any endpoint."""

from drf_spectacular.utils import extend_schema, extend_schema_view

from endpoints.api.views.endpoint_headers import EndpointHeaders
from endpoints.api.views.endpoint_secrets import EndpointSecret, EndpointSecretRotation
from endpoints.api.views.operational import TAGS, get_operational

NAME = "operational_webhook_endpoint"


@extend_schema_view(
    get=extend_schema(operation_id=f"{NAME}_get_headers", tags=TAGS),
    put=extend_schema(operation_id=f"{NAME}_set_headers", tags=TAGS),
    patch=extend_schema(operation_id=f"{NAME}_patch_headers", tags=TAGS),
)
class OperationalHeaders(EndpointHeaders):
    organization_methods = True
    named = staticmethod(get_operational)


@extend_schema_view(get=extend_schema(operation_id=f"{NAME}_get_secret", tags=TAGS))
class OperationalSecret(EndpointSecret):
    organization_methods = True
    named = staticmethod(get_operational)


@extend_schema_view(post=extend_schema(operation_id=f"{NAME}_rotate_secret", tags=TAGS))
class OperationalSecretRotation(EndpointSecretRotation):
    organization_methods = True
    named = staticmethod(get_operational)
