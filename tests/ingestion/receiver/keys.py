"""Keys of every sender: what it signs with, and what the receiver holds."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SECRETS = (b"0123456789abcdef", b"fedcba9876543210")
ORGANIZATIONS = [b"00DR00000001abc", b"00DR00000002xyz"]


def _pair() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(private), base64.b64encode(public)


_PAIRS = (_pair(), _pair())


def keys(sender: str) -> tuple[list[bytes], list[bytes]]:
    """Two signing keys, and what the receiver holds of them."""
    if sender == "sendgrid":
        return [private for private, _ in _PAIRS], [public for _, public in _PAIRS]
    if sender == "salesforce-outbound":
        return ORGANIZATIONS, ORGANIZATIONS
    if sender == "standard-webhooks":
        both = [b"whsec_" + base64.b64encode(secret) for secret in SECRETS]
        return both, both
    return list(SECRETS), list(SECRETS)
