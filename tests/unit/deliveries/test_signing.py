import base64
import hashlib
import hmac
import random
from collections.abc import Iterator

import pytest
import standardwebhooks
import svix
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deliveries.signing import SigningKey, standard_signature, timestamped_hex_signature

NOW = 1_764_000_000
FIRST, SECOND = SigningKey("hmac", b"a" * 24), SigningKey("hmac", b"b" * 32)


@pytest.fixture(autouse=True)
def receivers_clock() -> Iterator[None]:
    """Receivers refuse what is older than five minutes; a suite may take longer than that."""
    with time_machine.travel(NOW, tick=False):
        yield


def oracle(package, key: SigningKey):
    return package.Webhook("whsec_" + base64.b64encode(key.key).decode())


def headers(prefix: str, signature: str, event_id: str = "msg_1") -> dict[str, str]:
    return {
        f"{prefix}-id": event_id,
        f"{prefix}-timestamp": str(NOW),
        f"{prefix}-signature": signature,
    }


def test_signs_the_published_example_exactly():
    key = SigningKey("hmac", base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))

    signature = standard_signature(
        [key],
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("package", [standardwebhooks, svix], ids=["standardwebhooks", "svix"])
@pytest.mark.parametrize("receiver", [FIRST, SECOND], ids=["current", "previous"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="smallest"),
        pytest.param(b'{"a": 1.0,"z":"\\u00e9"}', id="non-canonical"),
        pytest.param('{"name":"Zoë ☃"}'.encode(), id="utf-8"),
        pytest.param(b'{"x":"' + b"y" * 1_000_000 + b'"}', id="one-megabyte"),
    ],
)
def test_receivers_with_either_secret_accept_during_rotation(package, receiver, body):
    signature = standard_signature([FIRST, SECOND], event_id="msg_1", timestamp=NOW, body=body)

    prefix = "svix" if package is svix else "webhook"
    oracle(package, receiver).verify(body, headers(prefix, signature))


@pytest.mark.parametrize("package", [standardwebhooks, svix], ids=["standardwebhooks", "svix"])
def test_a_receiver_with_a_third_secret_refuses(package):
    signature = standard_signature([FIRST, SECOND], event_id="msg_1", timestamp=NOW, body=b"{}")

    with pytest.raises(package.WebhookVerificationError):
        oracle(package, SigningKey("hmac", b"c" * 24)).verify(b"{}", headers("webhook", signature))


def test_ten_thousand_random_payloads_verify_with_the_bytes_that_were_signed():
    rng = random.Random(20_260)
    receiver = oracle(standardwebhooks, FIRST)
    for number in range(10_000):
        body = (
            f'{{"n":{number},"s":"{rng.randbytes(rng.randrange(40)).hex()}","f":1e{number % 99}}}'
        )
        event_id = f"msg_{number}"
        signature = standard_signature(
            [FIRST], event_id=event_id, timestamp=NOW, body=body.encode()
        )
        receiver.verify(body, headers("webhook", signature, event_id))


def test_binary_bodies_are_signed_as_they_are():
    body = random.Random(7).randbytes(5_000)

    signature = standard_signature([FIRST], event_id="msg_1", timestamp=5, body=body)

    expected = hmac.new(FIRST.key, b"msg_1.5." + body, hashlib.sha256).digest()
    assert signature == "v1," + base64.b64encode(expected).decode()


def test_mixed_kinds_keep_their_order_and_are_parted_by_one_space():
    seed = bytes(range(32))

    signature = standard_signature(
        [SigningKey("ed25519", seed), FIRST], event_id="msg_1", timestamp=9, body=b"{}"
    )

    asymmetric, symmetric = signature.split(" ")
    assert symmetric == standard_signature([FIRST], event_id="msg_1", timestamp=9, body=b"{}")
    assert asymmetric.startswith("v1a,")
    Ed25519PrivateKey.from_private_bytes(seed).public_key().verify(
        base64.b64decode(asymmetric.removeprefix("v1a,")), b"msg_1.9.{}"
    )


def test_an_id_with_a_dot_is_refused_because_its_signature_would_be_ambiguous():
    with pytest.raises(ValueError, match="dot"):
        standard_signature([FIRST], event_id="msg.1", timestamp=5, body=b"x")


def test_timestamped_hex_lists_every_hmac_secret_current_first():
    keys = [FIRST, SigningKey("ed25519", bytes(32)), SECOND]

    signature = timestamped_hex_signature(keys, timestamp=1614265330, body=b'{"a":1}')

    digests = [
        hmac.new(k.key, b'1614265330.{"a":1}', "sha256").hexdigest() for k in (FIRST, SECOND)
    ]
    assert signature == f"t=1614265330,v1={digests[0]},v1={digests[1]}"


def test_timestamped_hex_without_an_hmac_secret_is_refused():
    with pytest.raises(ValueError, match="HMAC"):
        timestamped_hex_signature([SigningKey("ed25519", bytes(32))], timestamp=1, body=b"")


def test_a_key_never_shows_its_bytes():
    assert "aaaa" not in repr(FIRST)
    assert repr(SigningKey("ed25519", bytes(32))) == "SigningKey(kind='ed25519')"
