"""A certificate authority of our own and one certificate for this machine."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for a server on ``localhost`` and for the clients that are to believe it.

    :param authority: the authority's certificate.
    :param chain: the server's certificate, then the authority's.
    :param key: the server's private key.
    """

    authority: Path
    chain: Path
    key: Path

    @classmethod
    def create(cls, folder: Path) -> Tls:
        """Make an authority and a certificate in a folder."""
        authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        authority_name = _name("CDI test authority")
        authority = _certificate(authority_name, authority_name, authority_key, authority_key, is_authority=True)
        server = _certificate(_name("localhost"), authority_name, server_key, authority_key, is_authority=False)
        files = cls(folder / "ca.pem", folder / "chain.pem", folder / "server.key")
        authority_pem = authority.public_bytes(serialization.Encoding.PEM)
        files.authority.write_bytes(authority_pem)
        files.chain.write_bytes(server.public_bytes(serialization.Encoding.PEM) + authority_pem)
        files.key.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())
