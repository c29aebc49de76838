"""What a run has done: a line for each object that it changed or could not bring, and counts."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError
from rest_framework.exceptions import ValidationError

from deliveries.svix_import.source import SourceError
from endpoints.changes import UidTakenError
from endpoints.custom_headers import HeadersNotAllowedError
from endpoints.event_types import EventTypeExistsError
from endpoints.rotation import TooManySecretsError
from endpoints.signing_secrets import InvalidSecretError
from webhooks_platform.api.exceptions import faults_of
from webhooks_platform.lib.keyring import KeyringError


class Kind(StrEnum):
    EVENT_TYPE = "event type"
    APPLICATION = "application"
    ENDPOINT = "endpoint"


class Done(StrEnum):
    """What came of one object."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class NotBroughtError(Exception):
    """One object cannot be brought here; the text says why, and holds no secret."""


@dataclass
class Report:
    """Collects a run; `write` gets each line as it comes."""

    write: Callable[[str], object]
    counts: Counter[tuple[Kind, Done]] = field(default_factory=Counter)
    #: Kind, id at the source, id here; only of those whose id could not be kept.
    moved: list[tuple[Kind, str, str]] = field(default_factory=list)
    #: Endpoints that wait, disabled, for something that the source does not show.
    waiting: int = 0
    #: Lists that could not be read to their end.
    unread: int = 0

    @property
    def failed(self) -> bool:
        return bool(self.unread or any(self.counts[kind, Done.FAILED] for kind in Kind))

    def tell(self, kind: Kind, name: str, done: Done, why: str = "") -> None:
        self.counts[kind, done] += 1
        if done is not Done.UNCHANGED:
            self.write(f"{done:9} {kind:11} {name}{': ' * bool(why)}{why}")

    def wait(self, name: str, lack: str) -> None:
        """Note that an endpoint is kept disabled because it lacks something."""
        self.waiting += 1
        self.write(f"{'waits':9} {Kind.ENDPOINT:11} {name}: disabled here until it has {lack}")

    def place(self, kind: Kind, there: str, here: str) -> None:
        if there != here:
            self.moved.append((kind, there, here))

    @contextmanager
    def each(self, kind: Kind, name: str) -> Iterator[None]:
        """Name an object that cannot be brought, and go on after the block."""
        try:
            yield
        except _REASONS as error:
            self.tell(kind, name, Done.FAILED, _reason(error))

    @contextmanager
    def listing(self, what: str) -> Iterator[None]:
        """Say which list could not be read to its end, and go on after the block."""
        try:
            yield
        except SourceError as error:
            self.unread += 1
            self.write(f"{Done.FAILED:9} {what}: {error}")

    def summary(self) -> Iterator[str]:
        for kind in Kind:
            parts = [f"{self.counts[kind, done]} {done}" for done in Done]
            yield f"{kind}s: {', '.join(parts)}"
        if self.waiting:
            yield f"{self.waiting} endpoints wait, disabled, for what the source does not show"


_REASONS = (
    NotBroughtError,
    SourceError,
    ValidationError,
    UidTakenError,
    EventTypeExistsError,
    HeadersNotAllowedError,
    InvalidSecretError,
    TooManySecretsError,
    KeyringError,
    ObjectDoesNotExist,
    DataError,
)
_SENTENCES: dict[type[Exception], str] = {
    UidTakenError: "another one here has its uid",
    EventTypeExistsError: "it has been made here meanwhile",
    TooManySecretsError: "ten previous secrets still sign here",
    KeyringError: "what is stored here cannot be decrypted",
    ObjectDoesNotExist: "it has been deleted here meanwhile",
    DataError: "it holds something that the database cannot store",
}


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        faults = faults_of((), error.detail)
        return "; ".join(f"{'.'.join(fault['loc'])}: {fault['msg']}" for fault in faults)
    known = (text for kind, text in _SENTENCES.items() if isinstance(error, kind))
    return next(known, str(error))
