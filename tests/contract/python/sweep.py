"""Calls every method that the SDK has, found by reflection, and says what came of each."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import pydantic
from svix.api import AppPortalAccessIn, Svix, SvixOptions
from svix.exceptions import HttpError, HTTPValidationError

#: What `create` of a group makes, by the name that the group's other methods take it under.
MADE = {
    "application": ("app_id", "id"),
    "endpoint": ("endpoint_id", "id"),
    "event_type": ("event_type_name", "name"),
    "message": ("msg_id", "id"),
    "operational_webhook.endpoint": ("endpoint_id", "id"),
    "operational_webhook_endpoint": ("endpoint_id", "id"),
}
#: What answers for a route that is not there, or not for this method; 501 for what is not built.
ABSENT = {404, 405, 501}
LOGOUT = "authentication.logout"
#: Their turn comes after all others, in this order.
LAST = ("expunge", "logout", "expire", "delete")


def sweep(svix: Svix, values: dict[str, str], bodies: dict[str, Any]) -> list[dict[str, Any]]:
    """Call all with the one key, but log out with a token that can be logged out."""
    made: dict[str, dict[str, str]] = {}
    token = svix.authentication.app_portal_access(values["app_id"], AppPortalAccessIn()).token
    visitor = Svix(token, SvixOptions(server_url=values["server_url"]))
    found = {**dict(_methods(svix, "")), LOGOUT: visitor.authentication.logout}
    return [_call(name, found[name], values, bodies, made) for name in sorted(found, key=_turn)]


def _methods(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, member in inspect.getmembers(group):
        if name.startswith("_"):
            continue
        if inspect.ismethod(member):
            yield prefix + name.rstrip("_"), member
        elif type(member).__module__.startswith("svix.api") and not isinstance(member, SvixOptions):
            yield from _methods(member, f"{prefix}{name}.")


def _turn(name: str) -> tuple[int, str]:
    method = name.rpartition(".")[2]
    if method == "create":
        return 0, name
    return next((n for n, word in enumerate(LAST, start=2) if word in method), 1), name


def _call(
    name: str,
    method: Any,
    values: dict[str, str],
    bodies: dict[str, Any],
    made: dict[str, dict[str, str]],
) -> dict[str, Any]:
    group = name.rpartition(".")[0]
    known = {**values, **made.get(group, {})}
    try:
        arguments = [
            _argument(parameter, known, bodies)
            for parameter in inspect.signature(method).parameters.values()
            if parameter.name != "options"
        ]
        answer = method(*arguments)
    except HTTPValidationError as error:
        places = ", ".join(f"{'.'.join(fault.loc)}: {fault.msg}" for fault in error.detail)
        return _said(name, "refused", error.status_code, places)
    except HttpError as error:
        outcome = "not offered" if error.status_code in ABSENT and error.code else "refused"
        return _said(name, outcome, error.status_code, error.code)
    except Exception as error:
        return _said(name, "broken", None, f"{type(error).__name__}: {error}")
    if name.endswith(".create") and group in MADE:
        parameter, field = MADE[group]
        made[group] = {parameter: getattr(answer, field)}
    return _said(name, "works", None, None)


def _argument(parameter: inspect.Parameter, known: dict[str, str], bodies: dict[str, Any]) -> Any:
    model = parameter.annotation
    if not (inspect.isclass(model) and issubclass(model, pydantic.BaseModel)):
        return known.get(parameter.name, "none")
    text = json.dumps(bodies.get(parameter.name, {}))
    for name, value in known.items():
        text = text.replace(f"<{name}>", value)
    return model.model_validate(json.loads(text))


def _said(name: str, outcome: str, status: int | None, reason: str | None) -> dict[str, Any]:
    return {"method": name, "outcome": outcome, "status": status, "reason": reason}
