"""The ring of encryption keys: binding, order, re-encryption, silence about secrets."""

import base64

import pytest
from cryptography.fernet import Fernet

from webhooks_platform.lib import ids
from webhooks_platform.lib.keyring import Keyring, KeyringError, configured, key_id_of

OLD = base64.urlsafe_b64encode(b"o" * 32).decode()
NEW = base64.urlsafe_b64encode(b"n" * 32).decode()
OWNER, STRANGER = ids.new(), ids.new()


@pytest.mark.parametrize("value", ["whsec_x", b"\x00\xff", "", "ä"])
def test_a_value_comes_back_as_it_was(value: str | bytes) -> None:
    ring = Keyring([NEW])

    opened = ring.open(ring.seal(value, bound_to=OWNER), bound_to=OWNER)

    assert opened == (value.encode() if isinstance(value, str) else value)


def test_a_memoryview_is_opened_like_bytes() -> None:
    ring = Keyring([NEW])

    assert ring.open(memoryview(ring.seal("a", bound_to=OWNER)), bound_to=OWNER) == b"a"


def test_a_token_moved_to_another_owner_is_refused_without_its_value() -> None:
    ring = Keyring([NEW])
    token = ring.seal("whsec_secret", bound_to=OWNER)

    with pytest.raises(KeyringError, match="made for another owner") as caught:
        ring.open(token, bound_to=STRANGER)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(Keyring([OLD]).seal("a", bound_to=OWNER), id="key not in the ring"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff" * 100, id="no token"),
        pytest.param(Keyring([NEW]).seal("a", bound_to=OWNER)[:-1] + b"?", id="damaged"),
    ],
)
def test_what_no_key_opens_is_refused(token: bytes) -> None:
    ring = Keyring([NEW])

    with pytest.raises(KeyringError, match="no key of the ring opens"):
        ring.open(token, bound_to=OWNER)
    with pytest.raises(KeyringError, match="no key of the ring opens"):
        ring.reseal(token)
    with pytest.raises(KeyringError, match="no key of the ring opens"):
        ring.key_id(token)


def test_a_plain_fernet_token_without_an_owner_is_refused() -> None:
    with pytest.raises(KeyringError, match="made for another owner"):
        Keyring([NEW]).open(Fernet(NEW).encrypt(b"short"), bound_to=OWNER)


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    before, after = Keyring([OLD]), Keyring([NEW, OLD])
    token = before.seal("a", bound_to=OWNER)

    assert after.open(token, bound_to=OWNER) == b"a"
    assert after.key_id(token) == key_id_of(OLD)
    assert after.key_id(after.seal("a", bound_to=OWNER)) == after.newest_key_id == key_id_of(NEW)


def test_resealing_moves_a_token_to_the_newest_key_and_keeps_its_owner() -> None:
    ring = Keyring([NEW, OLD])

    token = ring.reseal(Keyring([OLD]).seal("a", bound_to=OWNER))

    assert Keyring([NEW]).open(token, bound_to=OWNER) == b"a"
    with pytest.raises(KeyringError):
        Keyring([NEW]).open(token, bound_to=STRANGER)


def test_key_ids_are_short_stable_and_do_not_show_the_key() -> None:
    assert key_id_of(OLD) == key_id_of(OLD) != key_id_of(NEW)
    assert len(key_id_of(OLD)) == 16
    assert key_id_of(OLD) not in OLD


def test_the_configured_ring_is_made_once() -> None:
    assert configured() is configured()
