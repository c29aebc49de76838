"""The delivery policy: the platform's defaults, overridden by a tenant, then by its endpoint.

Overrides are stored as they stand on the wire, in the JSON of `policy`:
`{"retrySchedule": [60, 300.5], "sendTimeout": 15, "permanentStatuses": "400-407,422",
"signatureHeader": "Omni-Signature", "unknownEventTypes": "refuse"}`. What a level does not name,
it inherits.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.conf import settings

from endpoints.header_policy import OWN_NAMES, name_fault

#: A tenant's rule for event types that are not in the catalogue; endpoints have none.
UNKNOWN_EVENT_TYPES: Final = "unknownEventTypes"
ACCEPT, REFUSE = "accept", "refuse"
YEAR_SECONDS: Final = 31_536_000
# A schedule is read at every failure; far beyond any in use, and short enough to store.
SCHEDULE_STEPS_MAX: Final = 100
SEND_TIMEOUT_MAX: Final = 60  # Seconds; a lease covers it.
FIRST_STATUS, LAST_STATUS = 300, 599
#: What the timestamped signature's header is commonly called; it is sent only where asked for.
SUGGESTED_SIGNATURE_HEADER: Final = "Omni-Signature"

_STATUSES = re.compile(r"([0-9]{3})(?:-([0-9]{3}))?")


class PolicyError(ValueError):
    """An override that is not acceptable; `faults` pairs each key with what is wrong with it."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {message}" for key, message in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How deliveries to one endpoint are sent and retried."""

    #: Seconds to wait after each failed attempt; empty for no retries.
    schedule: tuple[float, ...]
    #: Seconds for one whole exchange.
    send_timeout: float
    #: Statuses not worth a retry, like `400-407,422`.
    permanent_statuses: str
    #: Name of the header with the timestamped-hex signature, sent in addition; None for none.
    signature_header: str | None = None
    #: ACCEPT or REFUSE, for publishes.
    unknown_event_types: str = ACCEPT


def platform() -> DeliveryPolicy:
    """Return the operator's defaults."""
    environment = settings.ENVIRONMENT
    return DeliveryPolicy(
        schedule=tuple(environment.WEBHOOKS_RETRY_SCHEDULE),
        send_timeout=environment.WEBHOOKS_SEND_TIMEOUT,
        permanent_statuses=environment.WEBHOOKS_PERMANENT_STATUSES,
        unknown_event_types=environment.WEBHOOKS_UNKNOWN_EVENT_TYPES,
    )


def resolve(
    default: DeliveryPolicy, tenant: Mapping[str, Any], endpoint: Mapping[str, Any]
) -> DeliveryPolicy:
    """Apply the overrides of a tenant, then of its endpoint; raise PolicyError on a bad one."""
    return replace(default, **{**_read(tenant), **_read(endpoint)})


def checked(override: object, *, of_endpoint: bool = False) -> dict[str, Any]:
    """Return `override` as it is to be stored, without its nulls; raise PolicyError."""
    if override is None:
        return {}
    if not isinstance(override, Mapping):
        raise PolicyError([("", "must be an object")])
    if of_endpoint and override.get(UNKNOWN_EVENT_TYPES) is not None:
        raise PolicyError([(UNKNOWN_EVENT_TYPES, "is decided by the application, not an endpoint")])
    _read(override)
    return {key: value for key, value in override.items() if value is not None}


def _read(override: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of DeliveryPolicy that `override` sets; collect all its faults."""
    fields: dict[str, Any] = {}
    faults = []
    for key, value in override.items():
        try:
            name, read = _READERS[key]
            if value is not None:
                fields[name] = read(value)
        except KeyError:
            faults.append((key, f"no such setting; known are {', '.join(_READERS)}"))
        except ValueError as error:
            faults.append((key, str(error)))
    if faults:
        raise PolicyError(faults)
    return fields


def _schedule(value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) > SCHEDULE_STEPS_MAX:
        raise ValueError(f"must be a list of at most {SCHEDULE_STEPS_MAX} numbers of seconds")
    return tuple(_seconds(step) for step in value)


def _seconds(value: Any) -> float:
    if not _is_number(value) or not 0 <= value <= YEAR_SECONDS:
        raise ValueError(f"every wait must be a number of seconds from 0 to {YEAR_SECONDS}")
    return float(value)


def _send_timeout(value: Any) -> float:
    if not _is_number(value) or not 0 < value <= SEND_TIMEOUT_MAX:
        raise ValueError(f"must be a number of seconds above 0, at most {SEND_TIMEOUT_MAX}")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _permanent_statuses(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text like 400-407,422")
    for part in value.split(",") if value.strip() else []:
        match = _STATUSES.fullmatch(part.strip())
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not FIRST_STATUS <= low <= high <= LAST_STATUS:
            raise ValueError(
                f"must list statuses or rising ranges within {FIRST_STATUS} to {LAST_STATUS}, "
                "like 400-407,422"
            )
    return value


def _signature_header(value: object) -> str | None:
    """Read a header's name; the empty text undoes what the level above has set."""
    if value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("must be a header name")
    fault = name_fault(value)
    if fault is None and value.lower() in OWN_NAMES:
        fault = "the platform sends a header of this name itself"
    if fault:
        raise ValueError(fault)
    return value


def _unknown_event_types(value: object) -> str:
    if value not in (ACCEPT, REFUSE):
        raise ValueError(f"must be {ACCEPT} or {REFUSE}")
    return str(value)


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "retrySchedule": ("schedule", _schedule),
    "sendTimeout": ("send_timeout", _send_timeout),
    "permanentStatuses": ("permanent_statuses", _permanent_statuses),
    "signatureHeader": ("signature_header", _signature_header),
    UNKNOWN_EVENT_TYPES: ("unknown_event_types", _unknown_event_types),
}
