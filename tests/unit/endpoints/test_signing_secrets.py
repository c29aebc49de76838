import base64

import pytest

from endpoints.signing_secrets import (
    InvalidSecretError,
    SecretMaterial,
    generate_ed25519,
    generate_hmac,
    parse_secret,
)


def whsec(size: int) -> str:
    return "whsec_" + base64.b64encode(bytes(size)).decode()


def test_a_generated_hmac_secret_holds_24_random_bytes():
    first, second = generate_hmac(), generate_hmac()

    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 24
    assert first != second


@pytest.mark.parametrize("size", [24, 32, 64, 75])
def test_reads_hmac_secrets_of_the_allowed_sizes(size):
    material = parse_secret(whsec(size))

    assert material == SecretMaterial("hmac", bytes(size))
    assert material.text == material.receiver_text == whsec(size)
    assert material.signing_bytes == bytes(size)


def test_a_receiver_of_an_ed25519_secret_gets_the_public_half_only():
    text = generate_ed25519()

    material = parse_secret(text)

    raw = base64.b64decode(text.removeprefix("whsk_"))
    assert material.kind == "ed25519"
    assert material.text == text
    assert material.signing_bytes == raw[:32]
    assert material.receiver_text == "whpk_" + base64.b64encode(raw[32:]).decode()


SWAPPED = base64.b64decode(generate_ed25519().removeprefix("whsk_"))[:32] + bytes(32)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "begins with", id="empty"),
        pytest.param("secret", "begins with", id="no-prefix"),
        pytest.param("WHSEC_" + "A" * 32, "begins with", id="prefix-in-capitals"),
        pytest.param("whpk_" + "A" * 44, "begins with", id="public-half"),
        pytest.param("whsec_", "24 to 75 bytes, this one 0", id="nothing-after-the-prefix"),
        pytest.param(whsec(23), "24 to 75 bytes, this one 23", id="too-short"),
        pytest.param(whsec(76), "24 to 75 bytes, this one 76", id="too-long"),
        pytest.param("whsec_" + "A" * 33, "not base64", id="wrong-padding"),
        pytest.param("whsec_" + "A" * 31 + "-", "not base64", id="url-safe-alphabet"),
        pytest.param("whsec_ " + "A" * 32, "not base64", id="space"),
        pytest.param("whsec_" + "\uff21" * 32, "not base64", id="fullwidth-letters"),
        pytest.param("whsk_" + "A" * 44, "keypair of 64 bytes, this one 3", id="seed-alone"),
        pytest.param(
            "whsk_" + base64.b64encode(SWAPPED).decode(), "do not belong together", id="other-half"
        ),
    ],
)
def test_refuses_what_is_no_secret_and_says_why(text, message):
    with pytest.raises(InvalidSecretError, match=message) as refusal:
        parse_secret(text)

    assert text.partition("_")[2] in ("", "A" * 44) or text not in str(refusal.value)


def test_a_secret_never_shows_its_bytes():
    assert repr(parse_secret(whsec(24))) == "SecretMaterial(kind='hmac')"
