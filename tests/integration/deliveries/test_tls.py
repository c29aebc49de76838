"""TLS: the name is always verified, by the authorities we chose, at TLS 1.2 or later."""

import asyncio
import datetime
import ssl
import warnings

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deliveries.transport import ClientCertificate, Transport
from endpoints.address_policy import AddressPolicy
from tests.integration.deliveries.scripted import (
    OK,
    Receiver,
    always,
    name_server,
    names,
    resolver,
    send,
    silence,
    transport,
)

CA = trustme.CA()
CA_PEM = CA.cert_pem.bytes().decode()
LOCAL = ["127.0.0.1"]
ZONE = names(a=LOCAL, b=LOCAL)


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def issued(*names_of: str, **options: object) -> ssl.SSLContext:
    return server_context(CA.issue_cert(*names_of, **options))


def _self_signed() -> ssl.SSLContext:
    return server_context(trustme.CA().issue_cert("a.test"))


def _expired() -> ssl.SSLContext:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return issued("a.test", not_after=past)


def _for_clients_only(tmp_path) -> ssl.SSLContext:
    """A certificate for the right name that may not be a server's."""
    authority = serialization.load_pem_private_key(CA.private_key_pem.bytes(), None)
    issuer = x509.load_pem_x509_certificate(CA.cert_pem.bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(tz=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.test")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
        .sign(authority, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def _old_tls() -> ssl.SSLContext:
    context = issued("a.test")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.mark.parametrize(
    ("make", "text"),
    [
        pytest.param(
            _expired, "certificate was not accepted: certificate has expired", id="expired"
        ),
        pytest.param(_self_signed, "certificate was not accepted", id="unknown-authority"),
        pytest.param(
            lambda: issued("b.test"), "certificate was not accepted: Hostname mismatch", id="name"
        ),
        pytest.param(lambda: issued("*.a.test"), "certificate was not accepted", id="wildcard"),
        pytest.param(
            lambda: server_context(CA.issue_cert(common_name="a.test")),
            "certificate was not accepted",
            id="common-name-only",
        ),
        pytest.param(_for_clients_only, "certificate was not accepted", id="wrong-usage"),
        pytest.param(_old_tls, "connection was broken off during the TLS", id="tls-1.1"),
    ],
)
def test_bad_servers_get_no_request(run, tmp_path, make, text):
    context = make(tmp_path) if make is _for_clients_only else make()

    async def main():
        async with (
            Receiver(always(OK), tls=context) as receiver,
            name_server(ZONE) as server,
            transport(receiver, resolver=resolver(server), ca_pem=CA_PEM) as door,
        ):
            answer = await send(door, receiver.url("a.test"))
            assert (answer.status, answer.error_kind) == (0, "tls_error")
            assert answer.error_text.startswith("the " + text)
            assert receiver.requests == []

    run(main())


def test_a_good_server_is_verified_by_name_and_kept(run):
    seen: list[str | None] = []
    context = issued("a.test")
    context.sni_callback = lambda connection, name, _: seen.append(name)

    async def main():
        async with (
            Receiver(always(OK), tls=context) as receiver,
            name_server(ZONE) as server,
            transport(receiver, resolver=resolver(server), ca_pem=CA_PEM) as door,
        ):
            answers = [await send(door, receiver.url("A.TEST.")) for _ in range(3)]
            assert [a.status for a in answers] == [200, 200, 200]
            assert (seen, receiver.visits, door.reused) == (["a.test"], 1, 2)
            assert b"\r\nHost: a.test:%d\r\n" % receiver.port in receiver.requests[0]

    run(main())


def test_an_address_in_the_url_is_verified_as_an_address(run):
    async def main():
        async with (
            Receiver(always(OK), tls=issued("127.0.0.1")) as receiver,
            transport(receiver, ca_pem=CA_PEM) as door,
        ):
            assert (await send(door, receiver.url())).status == 200

    run(main())


@pytest.mark.parametrize("order", ["ab", "ba", "aba", "bab"])
def test_two_hosts_on_one_address_never_share_a_connection(run, order):
    async def main():
        async with (
            Receiver(always(OK), tls=issued("a.test")) as receiver,
            name_server(ZONE) as server,
            transport(receiver, resolver=resolver(server), ca_pem=CA_PEM) as door,
        ):
            for host in order:
                answer = await send(door, receiver.url(f"{host}.test"))
                assert answer.error_kind == (None if host == "a" else "tls_error")

    run(main())


def test_the_environment_cannot_add_an_authority(run, monkeypatch, tmp_path):
    authority = tmp_path / "ca.pem"
    authority.write_bytes(CA.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))

    async def main():
        async with (
            Receiver(always(OK), tls=issued("a.test")) as receiver,
            name_server(ZONE) as server,
            transport(receiver, resolver=resolver(server)) as door,
        ):
            answer = await send(door, receiver.url("a.test"))
            assert answer.error_kind == "tls_error"
            assert (receiver.requests, keys.exists()) == ([], False)

    run(main())


def test_a_silent_handshake_ends_with_the_deadline(run):
    async def main():
        async with Receiver(silence) as receiver, transport(receiver) as door:
            url = receiver.url().replace("http:", "https:")
            answer = await send(door, url, deadline=0.3)
            assert (answer.status, answer.error_kind) == (0, "connect_timeout")
            assert 290 < answer.duration_ms < 700

    run(main())


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad\r\n\r\n", b""], ids=["plain-http", "closed"])
def test_a_server_without_tls_is_a_tls_error(run, data):
    async def script(visit):
        await visit.reader.read(1)
        await visit.send(data)

    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            answer = await send(door, receiver.url().replace("http:", "https:"))
            assert (answer.status, answer.error_kind) == (0, "tls_error")

    run(main())


def _client_certificate(name: str) -> ClientCertificate:
    leaf = CA.issue_cert(name)
    return ClientCertificate(leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())


def test_client_certificates_are_shown_and_keep_connections_apart(run):
    context = issued("a.test")
    CA.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    first, second = _client_certificate("first.test"), _client_certificate("second.test")
    seen: list[str] = []

    async def script(visit):
        peer = visit.writer.get_extra_info("peercert")
        seen.append(peer["subjectAltName"][0][1])
        await always(OK)(visit)

    async def main():
        async with (
            Receiver(script, tls=context) as receiver,
            name_server(ZONE) as server,
            transport(receiver, resolver=resolver(server), ca_pem=CA_PEM) as door,
        ):
            for certificate in (first, second, first, second):
                answer = await send(door, receiver.url("a.test"), client_certificate=certificate)
                assert answer.status == 200
            assert seen == ["first.test", "second.test"]
            assert (await send(door, receiver.url("a.test"))).status == 0
            broken = ClientCertificate(b"no", b"pem")
            answer = await send(door, receiver.url("a.test"), client_certificate=broken)
            assert answer.error_kind == "config_error"
            assert len(receiver.requests) == 4

    run(main())


def test_a_certificate_does_not_show_its_key():
    assert "SECRET" not in repr(ClientCertificate(b"chain", b"SECRET"))


def test_a_close_notify_while_idle_is_noticed(run):
    async def script(visit):
        await visit.answer(OK)

    async def main():
        async with (
            Receiver(script, tls=issued("127.0.0.1")) as receiver,
            transport(receiver, ca_pem=CA_PEM) as door,
        ):
            for _ in range(50):
                answer = await send(door, receiver.url())
                assert (answer.status, answer.reused) == (200, False)
                await asyncio.sleep(0)
            assert len(receiver.requests) == 50

    run(main())


def test_the_default_context_trusts_this_systems_authorities():
    context = Transport(policy=AddressPolicy())._tls.get(None)

    assert context.cert_store_stats()["x509_ca"] > 50
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
