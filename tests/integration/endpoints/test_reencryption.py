"""A new encryption key: everything moves to it, under traffic, and the old one can go."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.checks import Error
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from deliveries import message_headers
from deliveries.models import Event
from endpoints import custom_headers, lifecycle, reencryption, rotation
from endpoints.checks import check_ring
from endpoints.models import AuditEntry, Endpoint, SigningSecret
from endpoints.url_policy import parse_url
from tests import rows
from tests.integration.endpoints.conftest import ACTOR
from webhooks_platform import settings as platform_settings
from webhooks_platform.lib import ids, keyring
from webhooks_platform.lib.keyring import KeyringError, key_id_of
from webhooks_platform.models import IdempotencyKey

OLD = base64.urlsafe_b64encode(b"o" * 32).decode()
NEW = base64.urlsafe_b64encode(b"n" * 32).decode()


@contextmanager
def ring_of(*keys: str) -> Iterator[None]:
    changed = platform_settings.ENVIRONMENT.model_copy(
        update={"WEBHOOKS_ENCRYPTION_KEYS": list(keys)}
    )
    with override_settings(ENVIRONMENT=changed):
        yield


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("rotate_encryption_key", *arguments, stdout=output)
    return output.getvalue()


def made_with_old_key() -> Endpoint:
    with ring_of(OLD):
        endpoint = lifecycle.create(
            rows.tenant(),
            {"url": parse_url("https://u:p@e.test/")},
            actor=ACTOR,
            secret=rows.SECRET,
            headers=[("A", "1")],
        )
        rotation.rotate(endpoint, actor=ACTOR)
        answer = keyring.configured().seal("{}", bound_to=endpoint.id)
        IdempotencyKey.objects.create(
            id=endpoint.id, fingerprint=ids.new(), created_at=endpoint.created_at, answer=answer
        )
        event_id = ids.new()
        sealed = message_headers.seal([("B", "2")], event_id=event_id)
        rows.event(endpoint.tenant, id=event_id, headers=sealed)
    return endpoint


@pytest.mark.django_db
def test_all_that_is_sealed_moves_to_the_newest_key_and_the_old_one_can_go() -> None:
    endpoint = made_with_old_key()
    version = Endpoint.objects.get().version

    with ring_of(NEW, OLD):
        with pytest.raises(CommandError, match=f"Still in use, do not remove: {key_id_of(OLD)}"):
            run("--check")
        output = run()
    with ring_of(NEW):
        endpoint.refresh_from_db()
        assert rotation.current(endpoint).text.startswith("whsec_")
        assert custom_headers.opened(endpoint) == [("A", "1")]
        ring = keyring.configured()
        assert ring.open(endpoint.userinfo or b"", bound_to=endpoint.id) == b"u:p"
        answer = IdempotencyKey.objects.get().answer
        assert ring.open(answer or b"", bound_to=endpoint.id) == b"{}"
        event = Event.objects.get()
        opened = message_headers.opened(bytes(event.headers or b""), event_id=event.id)
        assert opened == (("B", "2"),)
        assert run("--check").splitlines()[-1] == "Keys that may be removed: none"

    assert output.splitlines()[-1] == f"Keys that may be removed: {key_id_of(OLD)}"
    assert "6 values re-encrypted." in output
    assert set(SigningSecret.objects.values_list("key_id", flat=True)) == {key_id_of(NEW)}
    assert Endpoint.objects.get().version == version


@pytest.mark.django_db
def test_a_second_run_finds_nothing_to_do() -> None:
    made_with_old_key()

    with ring_of(NEW, OLD):
        run()
        assert run().splitlines()[0] == "0 values re-encrypted."


@pytest.mark.django_db
def test_more_rows_than_a_batch_are_all_done() -> None:
    tenant = rows.tenant()
    with ring_of(OLD):
        for _ in range(7):
            rows.endpoint(tenant)
    heard: list[int] = []

    with ring_of(NEW, OLD):
        done = reencryption.reencrypt(
            keyring.configured(), lambda _, count: heard.append(count), batch_rows=3
        )

    assert (done, heard) == (7, [3, 6, 7])


@pytest.mark.django_db
def test_what_no_key_opens_is_left_alone_and_no_key_is_called_removable() -> None:
    endpoint = made_with_old_key()
    before = bytes(endpoint.secrets.get(expires_at=None).ciphertext)

    with ring_of(NEW), pytest.raises(CommandError, match="do not remove any"):
        run()

    assert bytes(endpoint.secrets.get(expires_at=None).ciphertext) == before


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_held_is_not_waited_for_and_not_forgotten() -> None:
    endpoint = rows.endpoint(rows.tenant())
    with ring_of(OLD):
        SigningSecret.objects.update(
            ciphertext=keyring.configured().seal(rows.SECRET, bound_to=endpoint.id),
            key_id=key_id_of(OLD),
        )
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            SigningSecret.objects.select_for_update().get()
            held.set()
            release.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(20)
    try:
        with ring_of(NEW, OLD), pytest.raises(CommandError, match="Still in use"):
            run()
    finally:
        release.set()
        thread.join(20)

    with ring_of(NEW, OLD):
        assert "1 values re-encrypted." in run()


@pytest.mark.django_db
def test_the_system_check_refuses_a_ring_without_a_key_in_use() -> None:
    made_with_old_key()

    with ring_of(NEW, OLD):
        assert check_ring(databases=["default"]) == []
    with ring_of(NEW):
        assert check_ring(databases=None) == []
        found: list[Any] = check_ring(databases=["default"])
    assert [(type(fault), fault.id) for fault in found] == [(Error, "endpoints.E001")]
    assert key_id_of(OLD) in found[0].msg and OLD not in found[0].msg


@pytest.mark.django_db
def test_without_the_command_the_old_key_is_missed() -> None:
    endpoint = made_with_old_key()

    with ring_of(NEW), pytest.raises(KeyringError):
        rotation.current(endpoint)


@pytest.mark.django_db
def test_a_run_is_audited_and_a_check_is_not() -> None:
    made_with_old_key()

    with ring_of(NEW, OLD):
        with pytest.raises(CommandError):
            run("--check")
        assert not AuditEntry.objects.filter(action="encryption_key.rotated").exists()
        run()

    entry = AuditEntry.objects.get(action="encryption_key.rotated")
    assert entry.actor == "manage.py rotate_encryption_key"
    assert entry.detail == {
        "newest_key": key_id_of(NEW),
        "resealed": {
            "signing_secret.ciphertext": 2,
            "event.headers": 1,
            "endpoint.headers": 1,
            "endpoint.userinfo": 1,
            "idempotency_key.answer": 1,
        },
    }


@pytest.mark.django_db
def test_a_run_that_is_stopped_is_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    made_with_old_key()

    def stopped(_: object, report: Any) -> int:
        report(reencryption.COLUMNS[0], 1)
        raise KeyboardInterrupt

    monkeypatch.setattr("endpoints.management.commands.rotate_encryption_key.reencrypt", stopped)
    with ring_of(NEW, OLD), pytest.raises(KeyboardInterrupt):
        run()

    entry = AuditEntry.objects.get(action="encryption_key.rotated")
    assert entry.detail["resealed"] == {"signing_secret.ciphertext": 1}
