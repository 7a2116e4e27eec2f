"""Claims as senders make them → claims that can be compared, or nothing where a value identifies nobody.

Invariant: `normalise` is idempotent, and two spellings of one e-mail address become the same value. Opaque ids keep
their case: only their sender knows what it means.
"""

from __future__ import annotations

import re
from unicodedata import normalize

import idna

from ingestion.contracts.event import Claim, IdentifierType

DEAL_SCOPE = ":deal"
GMAIL = frozenset(("gmail.com", "googlemail.com"))  # dots in the local part mean nothing there

# Values that developers and trackers send in place of an id. Segment's and PostHog's lists of refused ids:
# segment.com/docs/unify/identity-resolution/identity-resolution-settings, posthog's person-merge service.
BLOCKED = frozenset(
    {
        *("-1", "0", "true", "false", "null", "none", "nil", "nan", "n/a", "undefined", "unknown", "void", "(not set)"),
        *("anonymous", "guest", "distinctid", "distinct_id", "id", "email", "not_authenticated", "abc123", "test"),
        "[object object]",
    }
)
_ZEROS = re.compile(r"[0-]*")
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}")
_SHORTEST_ID = 3


def normalise(claim: Claim) -> Claim | None:
    """The claim in the one form of its value; None if it identifies nobody."""
    if claim.type is IdentifierType.EMAIL:
        return _address(claim)
    value = _phone(claim.value) if claim.type is IdentifierType.PHONE else _opaque(claim)
    scope = claim.scope.replace("\0", "")  # Postgres cannot store it
    return None if value is None else Claim(claim.type, value, claim.verified, scope)


def is_deal(type_: IdentifierType, scope: str) -> bool:
    """Whether an identifier names a deal: a person may have several, each deal one person."""
    return type_ is IdentifierType.CRM and scope.endswith(DEAL_SCOPE)


def domain_of(address: str) -> str:
    """The part of a normalised address behind the @."""
    return address.rpartition("@")[2]


def normalise_domain(domain: str) -> str | None:
    """A host name in lower-case ASCII; None if it is none, or an IP address. Accepts a leading `www.` and drops it."""
    text = normalize("NFKC", domain).strip().lower().rstrip(".")
    try:
        text = idna.encode(text, uts46=True).decode() if not text.isascii() else text
    except idna.IDNAError:
        return None
    labels = text.removeprefix("www.").split(".")
    named = len(labels) > 1 and not labels[-1].isdigit()  # as no top-level domain is (RFC 3696, section 2)
    valid = named and len(text) <= 253 and all(_is_label(label) for label in labels)
    return ".".join(labels) if valid else None


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum() and label.isascii()


def _address(claim: Claim) -> Claim | None:
    local, at, host = normalize("NFKC", normalize("NFKC", claim.value).strip().lower()).rpartition("@")
    domain = normalise_domain(host) if at else None
    local = local.partition("+")[0]
    if domain in GMAIL:
        local, domain = local.replace(".", ""), "gmail.com"
    if domain is None or not _LOCAL.fullmatch(local):
        return None
    return Claim(IdentifierType.EMAIL, f"{local}@{domain}", claim.verified, "")


def _phone(value: str) -> str | None:
    """Digits, with a + where the country is known (E.164 has 8 to 15 of them)."""
    text = normalize("NFKC", value).strip()
    digits = "".join(character for character in text if character in "0123456789")
    if not text.startswith("+") and digits.startswith("00"):
        digits, text = digits[2:], "+"
    if not 8 <= len(digits) <= 15 or _is_filler(digits):
        return None
    return f"+{digits}" if text.startswith("+") else digits


def _opaque(claim: Claim) -> str | None:
    value = claim.value.strip().strip("\"'").strip()
    if value.lower() in BLOCKED or _ZEROS.fullmatch(value):
        return None
    # A vendor's own object numbers may be short; what a visitor's browser or a developer sends may not.
    vouched = claim.type in (IdentifierType.CRM, IdentifierType.EVENT)
    return value if vouched or not _is_filler(value) else None


def _is_filler(value: str) -> bool:
    return len(value) < _SHORTEST_ID or len(set(value)) == 1
