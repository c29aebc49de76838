"""TLS towards receivers: always verified, always by name, never steered by the environment."""

import os
import ssl
from collections import OrderedDict
from pathlib import Path
from typing import Final

import certifi

from deliveries.transport.messages import ClientCertificate

# Where operating systems keep the bundle of authorities that their administrators maintain.
SYSTEM_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_CONTEXTS_MAX: Final = 512


class ClientCertificateError(ValueError):
    """The endpoint's client certificate or key cannot be read."""


class TlsContexts:
    """The TLS context without a client certificate, and those of endpoints that have one.

    `ca_pem` replaces the system's authorities. SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE are
    not honoured: a bundle is loaded by its path, never through OpenSSL's defaults.
    """

    def __init__(self, *, ca_pem: str | None = None) -> None:
        self._ca_pem = ca_pem
        self._plain = self._new()
        self._with_certificate: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    def get(self, certificate: ClientCertificate | None) -> ssl.SSLContext:
        """Return the context to dial with; raises ClientCertificateError."""
        if certificate is None:
            return self._plain
        context = self._with_certificate.get(certificate.identity)
        if context is None:
            context = self._new()
            _load(context, certificate)
            self._with_certificate[certificate.identity] = context
            if len(self._with_certificate) > _CONTEXTS_MAX:
                self._with_certificate.popitem(last=False)
        return context

    def _new(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False  # RFC 9525: only alternative names count.
        context.set_alpn_protocols(["http/1.1"])
        if self._ca_pem is None:
            context.load_verify_locations(cafile=_system_bundle())
        else:
            context.load_verify_locations(cadata=self._ca_pem)
        return context


def _system_bundle() -> str:
    return next((path for path in SYSTEM_BUNDLES if Path(path).is_file()), certifi.where())


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    # OpenSSL reads keys from files only; this one exists in memory alone.
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, certificate.key_pem + b"\n" + certificate.chain_pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password="")
    except (ssl.SSLError, ValueError):
        raise ClientCertificateError("the client certificate cannot be read") from None
    finally:
        os.close(descriptor)
