"""The only reader of the environment: every setting by name and type, and all faults at once."""

import json
import os
import re
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from deliveries.retry_policy import PermanentStatuses, PermanentStatusesError
from endpoints.address_policy import AllowedNetwork, NetworkEntryError
from webhooks_platform.name_servers import is_name_server

ROOT = Path(__file__).resolve().parent.parent
#: Written by `make up` while its embedded stores run; see dev/.
EMBEDDED_STORES = ROOT / ".local" / "run" / "stores.json"
DEVELOPMENT_KEY = "development-key-of-the-embedded-stores-never-use-it-elsewhere"
# Shorter keys can be guessed.
SECRET_KEY_CHARACTERS = 40
JWT_SECRET_CHARACTERS = 32
#: As endpoints.policy has it for tenants and endpoints.
SCHEDULE_STEPS_MAX = 100
# The alphabet of ids.
_CELL = re.compile("[0-9a-hjkmnp-tv-z]{2}")
DEVELOPMENT_RING = "ZGV2ZWxvcG1lbnQta2V5LW5ldmVyLXVzZS1pdC0wMDA="


def _split(value: object) -> object:
    """Read a comma-separated list; spaces around its members do not count."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


type_list = BeforeValidator(_split)
_empty = BeforeValidator(lambda value: None if value == "" else value)
Sends = Annotated[int, Field(ge=1, le=10_000)]
Texts = Annotated[list[str], NoDecode, type_list]
Seconds = Annotated[list[Annotated[float, Field(ge=0, le=31_536_000)]], NoDecode, type_list]


class Environment(BaseSettings):
    """All settings of the platform; docs/operations.md explains each."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore")

    WEBHOOKS_ENV: Literal["development", "production"] = "development"
    DATABASE_URL: str | None = None
    REDIS_URL: str | None = None
    SECRET_KEY: str | None = None
    WEBHOOKS_ENCRYPTION_KEYS: Texts = []
    WEBHOOKS_JWT_SECRET: str | None = None
    WEBHOOKS_DEBUG: bool = False

    WEBHOOKS_RETRY_SCHEDULE: Seconds = [60, 300, 1800, 7200, 43200]
    WEBHOOKS_SEND_TIMEOUT: float = Field(default=15, gt=0, le=60)
    WEBHOOKS_DISABLE_AFTER: float = Field(default=432_000, ge=0)
    WEBHOOKS_PERMANENT_STATUSES: str = "400-407,409-424,426-428,430-499"
    WEBHOOKS_UNKNOWN_EVENT_TYPES: Literal["accept", "refuse"] = "accept"

    WEBHOOKS_ALLOWED_NETWORKS: Texts = []
    WEBHOOKS_NAMESERVERS: Texts = []
    WEBHOOKS_HTTPS_ONLY: bool = False
    WEBHOOKS_ALLOWED_HOSTS: Texts = []
    WEBHOOKS_PUBLIC_URL: str = "http://127.0.0.1:8000"
    WEBHOOKS_CELL: str = ""
    WEBHOOKS_MAX_BODY: int = Field(default=1_048_576, ge=1024, le=67_108_864)
    WEBHOOKS_IN_FLIGHT: Sends = 256
    WEBHOOKS_ENDPOINT_IN_FLIGHT: Annotated[Sends | None, _empty] = None
    WEBHOOKS_RETENTION_DAYS: int = Field(default=90, ge=2, le=3650)
    WEBHOOKS_METRICS_NETWORKS: Texts = ["127.0.0.0/8", "::1/128"]

    @model_validator(mode="after")
    def _stores_and_keys(self) -> "Environment":
        problems = [
            *self._store_problems(),
            *self._key_problems(),
            *self._value_problems(),
            *self._network_problems(),
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _store_problems(self) -> list[str]:
        if self.WEBHOOKS_ENV == "production":
            return [
                f"{name}: must be set in production"
                for name in ("DATABASE_URL", "REDIS_URL")
                if not getattr(self, name)
            ]
        if bool(self.DATABASE_URL) != bool(self.REDIS_URL):
            missing = "REDIS_URL" if self.DATABASE_URL else "DATABASE_URL"
            return [f"{missing}: set both stores, or neither to use the embedded ones"]
        return []

    def _key_problems(self) -> list[str]:
        problems = []
        if self.DATABASE_URL or self.WEBHOOKS_ENV == "production":
            problems += [
                f"{name}: must be set (make one with: {how})"
                for name, how in KEY_COMMANDS.items()
                if not getattr(self, name)
            ]
        if self.WEBHOOKS_ENV == "production":
            problems += self._weak_key_problems()
        return problems

    def _weak_key_problems(self) -> list[str]:
        problems = []
        if self.SECRET_KEY and (
            self.SECRET_KEY == DEVELOPMENT_KEY or len(self.SECRET_KEY) < SECRET_KEY_CHARACTERS
        ):
            problems.append("SECRET_KEY: needs at least 40 random characters in production")
        if DEVELOPMENT_RING in self.WEBHOOKS_ENCRYPTION_KEYS:
            problems.append("WEBHOOKS_ENCRYPTION_KEYS: contains the published development key")
        if (
            self.WEBHOOKS_JWT_SECRET is not None
            and len(self.WEBHOOKS_JWT_SECRET) < JWT_SECRET_CHARACTERS
        ):
            problems.append("WEBHOOKS_JWT_SECRET: needs at least 32 characters in production")
        if self.WEBHOOKS_DEBUG:
            problems.append("WEBHOOKS_DEBUG: must be off in production")
        return problems

    def _value_problems(self) -> list[str]:
        problems = []
        for position, key in enumerate(self.WEBHOOKS_ENCRYPTION_KEYS, start=1):
            try:
                Fernet(key)
            except ValueError:
                problems.append(
                    f"WEBHOOKS_ENCRYPTION_KEYS: key {position} is not a Fernet key "
                    "(32 bytes in URL-safe base64)"
                )
        try:
            PermanentStatuses.parse(self.WEBHOOKS_PERMANENT_STATUSES)
        except PermanentStatusesError as error:
            problems.append(f"WEBHOOKS_PERMANENT_STATUSES: {error}")
        if self.WEBHOOKS_CELL and not _CELL.fullmatch(self.WEBHOOKS_CELL):
            problems.append("WEBHOOKS_CELL: takes two of 0-9 and a-z, without i, l, o and u")
        if len(self.WEBHOOKS_RETRY_SCHEDULE) > SCHEDULE_STEPS_MAX:
            problems.append(f"WEBHOOKS_RETRY_SCHEDULE: more than {SCHEDULE_STEPS_MAX} steps")
        if self.DATABASE_URL and not _is_conninfo(self.DATABASE_URL):
            problems.append("DATABASE_URL: must be a URL like postgresql://user@host/name")
        if self.REDIS_URL and urlsplit(self.REDIS_URL).scheme not in REDIS_SCHEMES:
            problems.append("REDIS_URL: must be a URL like redis://host:6379/0")
        public = urlsplit(self.WEBHOOKS_PUBLIC_URL)
        if public.scheme not in {"http", "https"} or not public.hostname:
            problems.append("WEBHOOKS_PUBLIC_URL: must be an http or https URL with a host")
        return problems

    def _network_problems(self) -> list[str]:
        problems = []
        for entry in self.WEBHOOKS_ALLOWED_NETWORKS:
            try:
                parsed = AllowedNetwork.parse(entry)
            except NetworkEntryError as error:
                problems.append(f"WEBHOOKS_ALLOWED_NETWORKS: {error}")
                continue
            if self.WEBHOOKS_ENV == "production" and parsed.is_forbidden_in_production:
                problems.append(
                    f"WEBHOOKS_ALLOWED_NETWORKS: {entry} holds loopback, link-local or metadata "
                    "addresses, which are refused in production"
                )
        for network in self.WEBHOOKS_METRICS_NETWORKS:
            try:
                ip_network(network)
            except ValueError as error:
                problems.append(f"WEBHOOKS_METRICS_NETWORKS: {error}")
        wrong = [each for each in self.WEBHOOKS_NAMESERVERS if not is_name_server(each)]
        return problems + [f"WEBHOOKS_NAMESERVERS: {each} is no address:port" for each in wrong]

    @property
    def allowed_networks(self) -> tuple[AllowedNetwork, ...]:
        """The guard's exceptions; raises NetworkEntryError, but never after start."""
        return tuple(AllowedNetwork.parse(entry) for entry in self.WEBHOOKS_ALLOWED_NETWORKS)

    @property
    def retry_schedule(self) -> list[timedelta]:
        return [timedelta(seconds=seconds) for seconds in self.WEBHOOKS_RETRY_SCHEDULE]


REDIS_SCHEMES = {"redis", "rediss", "unix"}
KEY_COMMANDS = {
    "SECRET_KEY": "python -c 'import secrets; print(secrets.token_urlsafe(50))'",
    "WEBHOOKS_ENCRYPTION_KEYS": (
        "python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
    ),
}


#: What is said instead of a traceback when a command finds no database.
STORES_DOWN = (
    "The database of `make up` does not answer: start `make up` in another terminal, or name "
    "stores of your own with DATABASE_URL and REDIS_URL."
)
_PREFIX = "WEBHOOKS_"
#: By such variables Kubernetes tells every container of a service that is named `webhooks…`.
_OF_KUBERNETES = re.compile(r"_(SERVICE_(HOST|PORT)|PORT)(_|$)")
#: How alike two names must be, from 0 to 1, for one to be taken for the other.
_ALIKE = 0.5


class SettingsError(SystemExit):
    """The environment does not describe a platform that may start."""


def _is_conninfo(text: str) -> bool:
    """Whether libpq reads it: a URL, or keywords and values."""
    try:
        return bool(conninfo_to_dict(text))
    except ProgrammingError:
        return False


def read() -> Environment:
    """Read the environment; on faults end the process with one message that lists them all."""
    overrides = _embedded_overrides()
    try:
        return Environment(**overrides)
    except ValidationError as error:
        faults = error.errors()
    # A value of the wrong type keeps the rest from being judged; so judge again without it.
    unreadable = {str(fault["loc"][0]) for fault in faults if fault["loc"]}
    if unreadable:
        defaults = {name: Environment.model_fields[name].default for name in unreadable}
        try:
            Environment(**{**overrides, **defaults})
        except ValidationError as error:
            faults += error.errors()
    lines = [line for fault in faults for line in _lines(fault)] + unknown_names()
    raise SettingsError(
        "The settings are not complete; change these environment variables:\n"
        + "\n".join(f"  {line}" for line in lines)
    )


def _lines(fault: Any) -> list[str]:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return message.splitlines()
    name = ".".join(str(part) for part in fault["loc"])
    return [f"{name}: {message}"]


def unknown_names() -> list[str]:
    """Say of every variable that is named like a setting and is none what may be meant."""
    ours = [name for name in os.environ if name.upper().startswith(_PREFIX)]
    return [
        f"{name}: is no setting{_nearest(name)}"
        for name in sorted(set(ours) - set(Environment.model_fields))
        if not _OF_KUBERNETES.search(name)
    ]


def _nearest(name: str) -> str:
    known = [field.removeprefix(_PREFIX) for field in Environment.model_fields]
    found = get_close_matches(name.upper().removeprefix(_PREFIX), known, n=1, cutoff=_ALIKE)
    named = [field for field in Environment.model_fields if field.removeprefix(_PREFIX) in found]
    return f"; do you mean {named[0]}?" if named else ""


def uses_embedded_stores() -> bool:
    """Whether this is development, and no other stores are named than those of `make up`."""
    if os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        return False
    return os.environ.get("WEBHOOKS_ENV", "development") == "development"


def _embedded_overrides() -> dict[str, Any]:
    """Point development at the stores of a running `make up`, when no other is named."""
    if not uses_embedded_stores():
        return {}
    if EMBEDDED_STORES.exists():
        stores = json.loads(EMBEDDED_STORES.read_text())
        return {
            "DATABASE_URL": stores["database_url"],
            "REDIS_URL": stores["redis_url"],
            "SECRET_KEY": stores["secret_key"],
            "WEBHOOKS_ENCRYPTION_KEYS": stores["encryption_keys"],
        }
    nowhere = ROOT / ".local" / "run" / "nothing-runs-here-start-make-up"
    return {
        "DATABASE_URL": f"postgresql://webhooks@/webhooks?host={nowhere}",
        "REDIS_URL": f"unix://{nowhere}/redis.sock?db=0",
        "SECRET_KEY": DEVELOPMENT_KEY,
        "WEBHOOKS_ENCRYPTION_KEYS": DEVELOPMENT_RING,
    }
