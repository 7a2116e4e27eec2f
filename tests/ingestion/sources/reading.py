"""Reads a body as the worker does, with the demo tenant's settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingestion.contracts.event import Claim, Draft, IdentifierType
from ingestion.contracts.raw import CONTENT_TYPE, SOURCE_ACCOUNT, SOURCE_SYSTEM, RawMessage
from ingestion.decode import read
from ingestion.errors import Quarantine
from ingestion.sources.adapter import Tenant

RECEIVED = datetime(2025, 11, 1, tzinfo=UTC)
TENANT = Tenant("demo", frozenset({"northlight-data.com"}), frozenset({"25681700"}), "northlight")
NO_HEADERS: Mapping[str, str] = {}


def read_all(
    system: str,
    body: Any,
    account: str = "northlight",
    tenant: Tenant = TENANT,
    headers: Mapping[str, str] = NO_HEADERS,
    received: datetime = RECEIVED,
) -> list[Draft | Quarantine]:
    """What became of each element of a body. `headers` stand above the usual ones."""
    value = body if isinstance(body, bytes) else msgspec.json.encode(body)
    usual = {SOURCE_SYSTEM: system, SOURCE_ACCOUNT: account, CONTENT_TYPE: "application/json"}
    return read(RawMessage("raw.crm", 0, 0, None, value, usual | dict(headers), received), tenant)


def read_one(
    system: str,
    body: Any,
    account: str = "northlight",
    tenant: Tenant = TENANT,
    headers: Mapping[str, str] = NO_HEADERS,
    received: datetime = RECEIVED,
) -> Draft:
    """The draft of a body that holds one good element."""
    [found] = read_all(system, body, account, tenant, headers, received)
    assert isinstance(found, Draft), repr(found)
    return found


def reason(system: str, body: Any, headers: Mapping[str, str] = NO_HEADERS) -> Quarantine:
    """Why a body's only element was set aside."""
    [found] = read_all(system, body, headers=headers)
    assert isinstance(found, Quarantine), repr(found)
    return found


def email(value: str, *, verified: bool) -> Claim:
    """A claim to an e-mail address."""
    return Claim(IdentifierType.EMAIL, value, verified)


def cookie(value: str) -> Claim:
    """A claim to the tracker's cookie."""
    return Claim(IdentifierType.ANONYMOUS_ID, value, scope="northlight")


def user(value: str) -> Claim:
    """A claim to the product's user id."""
    return Claim(IdentifierType.USER_ID, value, True, "northlight")


def crm(scope: str, value: str) -> Claim:
    """A claim to a CRM object."""
    return Claim(IdentifierType.CRM, value, True, scope)
