"""The connections file: who may send to us, each with its secrets by reference.

    [acme-hubspot]                       # POST /in/acme-hubspot
    sender = "hubspot"
    account = "62515"                    # the sender's own account; part of every event's source
    secrets = ["env:HUBSPOT_SECRET"]     # two while one is being rotated

A reference is `env:NAME` or `file:PATH`. Secrets themselves never stand in the file.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.contracts.raw import CONNECTION, HONEYPOT, SOURCE_ACCOUNT, SOURCE_SYSTEM
from ingestion.decode import DEFAULT_ACCOUNT, MAX_BYTES
from ingestion.errors import SettingsError
from ingestion.receiver.limits import AddressList, Bucket
from ingestion.receiver.senders import SENDERS, Sender
from ingestion.receiver.shared_keys import WriteKey
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import Adapter

MAX_SECRETS = 2
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")

Origin = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]  # as browsers write it, without a path


class Fetch(BaseModel):
    """Where what the sender only points to is fetched; `ingestion.hydration.apis`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = Field(pattern=r"^(env|file):.+$")
    # Plain http only to a host without a dot, on a network of one's own: the token goes with every request.
    base_url: str | None = Field(
        None, pattern=r"^(https://[^/\s?#@]+|http://(127\.0\.0\.1|[A-Za-z0-9-]+)(:[0-9]+)?)(/[^\s?#]*)?$"
    )
    version: str | None = Field(None, pattern=r"^[A-Za-z0-9.-]{1,20}$")
    requests_per_second: float = Field(4, gt=0, le=1_000)
    max_age_days: float = Field(30, gt=0, le=3650)  # afterwards an object that is named is fetched again


class Declared(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str
    account: str = Field(DEFAULT_ACCOUNT, min_length=1, max_length=100)
    secrets: list[str] = Field(default_factory=list, max_length=MAX_SECRETS)
    verify_token: str | None = None  # Meta's handshake
    allow: list[str] = Field(default_factory=list, max_length=1000)  # addresses and networks; empty: any
    origins: list[Origin] = Field(default_factory=list, max_length=100)  # of websites, for what browsers send
    redirect: str | None = Field(None, pattern=r"^[!-~]+$")  # where a visitor's browser goes on to after a plain form
    honeypot: str | None = Field(None, pattern=r"^[!-~]{1,100}$")  # a form's field that only programs fill in
    requests_per_second: float = Field(200, gt=0, le=100_000)
    burst: int = Field(400, ge=1, le=1_000_000)
    max_body_bytes: int = Field(MAX_BYTES, ge=1, le=MAX_BYTES)
    fetch: Fetch | None = None


@dataclass(frozen=True)
class Connection:
    """One declared sender, ready to be asked."""

    name: str
    kind: str  # the sender's name in `SENDERS`
    sender: Sender
    adapter: Adapter
    account: str
    secrets: tuple[bytes, ...] = field(repr=False)
    verify_token: bytes | None = field(repr=False)
    allow: AddressList
    origins: frozenset[str]
    bucket: Bucket
    max_body_bytes: int
    redirect: str | None = None
    honeypot: str | None = None

    @cached_property
    def headers(self) -> dict[str, str]:
        """Of every raw message that comes by it."""
        found = {SOURCE_SYSTEM: self.adapter.SOURCE.system, SOURCE_ACCOUNT: self.account, CONNECTION: self.name}
        return found if self.honeypot is None else found | {HONEYPOT: self.honeypot}


def load_connections(path: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Connection]:
    """The connections of a file by name.

    Raises:
        SettingsError: the file or a secret is missing or wrong; names the connection and the field, no secret.
    """
    found = {name: _connection(name, one, environment) for name, one in declarations(path).items()}
    _require_distinct_write_keys(found)
    return found


def declarations(path: Path) -> dict[str, Declared]:
    """The tables of a connections file by name; no secret is read. Raises `SettingsError` as `load_connections`."""
    try:
        tables = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(
            f"connections file {path}: {error.strerror}. Set LEADLINE_CONNECTIONS; docs/how-to-connect-a-sender.md"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"connections file {path}: {error}") from None
    return {name: _declared(name, table) for name, table in tables.items()}


def address_list(entries: Iterable[str], field: str = "LEADLINE_TRUSTED_PROXIES") -> AddressList:
    """Addresses and networks as they are written. Raises `SettingsError` for what is neither."""
    try:
        return AddressList(ipaddress.ip_network(entry.strip(), strict=False) for entry in entries)
    except ValueError as error:
        raise SettingsError(f"{field}: {error}") from None


def _declared(name: str, table: object) -> Declared:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"connection {name!r}: expected a name of small letters, digits and hyphens")
    try:
        return Declared.model_validate(table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"connection {name}: {faults}") from None


def _connection(name: str, declared: Declared, environment: Mapping[str, str]) -> Connection:
    sender = SENDERS.get(declared.sender)
    if sender is None:
        raise SettingsError(f"connection {name}: sender {declared.sender!r}, expected one of {', '.join(SENDERS)}")
    secrets = tuple(secret_of(name, reference, environment) for reference in declared.secrets)
    if sender.scheme.needs_secret and not secrets:
        raise SettingsError(f"connection {name}: secrets is empty, and {declared.sender} proves itself by one")
    if sender.browsers and not declared.origins:
        raise SettingsError(f'connection {name}: origins is empty; name the website, e.g. ["https://www.acme.com"]')
    _require_form_options(name, declared)
    try:
        for secret in secrets:
            sender.scheme.require_form(secret)
    except ValueError:
        raise SettingsError(
            f"connection {name}: a secret has not the form of {declared.sender}'s keys; copy it again"
        ) from None
    return Connection(
        name,
        declared.sender,
        sender,
        ADAPTERS[sender.system],
        declared.account,
        secrets,
        None if declared.verify_token is None else secret_of(name, declared.verify_token, environment),
        address_list(declared.allow, f"connection {name}: allow"),
        frozenset(declared.origins),
        Bucket(declared.requests_per_second, declared.burst),
        declared.max_body_bytes,
        declared.redirect,
        declared.honeypot,
    )


def _require_form_options(name: str, declared: Declared) -> None:
    if declared.sender != "web-form" and (declared.redirect or declared.honeypot):
        raise SettingsError(f"connection {name}: redirect and honeypot are options of web-form, not {declared.sender}")
    pages = tuple(f"{origin}/" for origin in declared.origins)
    if declared.redirect is not None and not f"{declared.redirect}/".startswith(pages):
        raise SettingsError(f"connection {name}: redirect is not on one of the connection's origins")


def secret_of(name: str, reference: str, environment: Mapping[str, str] = os.environ) -> bytes:
    """What a reference of connection `name` refers to. Raises `SettingsError`, which never repeats a secret."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        value = environment.get(place, "")
    elif kind == "file":
        try:
            value = Path(place).read_text().strip()
        except (OSError, UnicodeDecodeError):
            value = ""
    else:
        raise SettingsError(f"connection {name}: a secret is no reference, expected env:NAME or file:PATH")
    if not value:
        raise SettingsError(f"connection {name}: {reference} is missing or empty")
    return value.encode()


def _require_distinct_write_keys(found: Mapping[str, Connection]) -> None:
    """A write key alone says which connection a call of Segment's API belongs to."""
    owners: dict[bytes, str] = {}
    for one in found.values():
        if isinstance(one.sender.scheme, WriteKey):
            for secret in one.secrets:
                if (other := owners.setdefault(secret, one.name)) != one.name:
                    raise SettingsError(f"connections {other} and {one.name} have the same write key")
