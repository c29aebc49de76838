"""Make the tenant that a publish names but that does not exist yet (`application`)."""

import asyncio
from typing import Any

from django.db import connections
from rest_framework.exceptions import ValidationError

from endpoints import tenants
from endpoints.api.permissions import check
from endpoints.api.serializers.applications import ApplicationIn
from endpoints.audit import Actor
from endpoints.changes import UidTakenError
from endpoints.models import ApiKey
from endpoints.principals import Principal
from webhooks_platform.api.errors import FieldError
from webhooks_platform.api.exceptions import faults_of, to_api_error

_PLACE = ("body", "application")


async def create_tenant(
    principal: Principal, app: str, application: dict[str, Any], request_id: str
) -> None:
    """Store the tenant, committed; another process may have been first. Raises ApiError."""
    check(principal, ApiKey.Scope.PUBLISH, organization_only=True)
    _check_uid(app, application.get("uid"))
    await asyncio.to_thread(_create, principal, application, request_id)


def _check_uid(app: str, uid: Any) -> None:
    if uid is None:
        message = "The uid is needed, and is the one in the path."
        raise FieldError.at(*_PLACE, "uid", message=message, kind="application_uid_missing")
    if uid != app:
        message = "The uid is not the one in the path."
        raise FieldError.at(*_PLACE, "uid", message=message, kind="application_uid_mismatch")


def _create(principal: Principal, application: dict[str, Any], request_id: str) -> None:
    """Run in a thread of its own, which leaves no connection behind."""
    serializer = ApplicationIn(data=application)
    try:
        serializer.is_valid(raise_exception=True)
        tenants.create(
            principal.organization_id,
            serializer.validated_data,
            actor=Actor(principal.name, request_id),
        )
    except UidTakenError:
        return
    except ValidationError as error:
        raise FieldError(list(faults_of(_PLACE, error.detail))) from None
    except Exception as error:
        raise to_api_error(error) from None
    finally:
        connections.close_all()
