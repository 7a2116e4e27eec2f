"""The firm's ideal customer, as the file says that LEADLINE_IDEAL_CUSTOMER names, else the one beside this module.

It decides values, so it is part of the feature hash: a process that was given another file refuses a model by name, and
never scores with other numbers than those it was trained on.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import msgspec

from ingestion.errors import SettingsError

_setting = "LEADLINE_IDEAL_CUSTOMER"  # names in capitals are part of the hash


class IdealCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    industries: frozenset[str]
    technologies: frozenset[str]


def read(path: Path) -> IdealCustomer:
    """The ideal customer in that file.

    Raises:
        SettingsError: it cannot be read, or does not name industries and technologies.
    """
    try:
        found = msgspec.convert(tomllib.loads(path.read_text()), IdealCustomer)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{_setting}: {path}: {error}; see features/ideal_customer.toml for an example") from None
    if not found.technologies:
        raise SettingsError(f"{_setting}: {path} names no technology, so there is no fit to measure; name one")
    return found


# Read when the declarations are: the name of a feature set must mean the same to Feast's servers as to us.
_told = read(Path(os.environ.get(_setting) or Path(__file__).with_suffix(".toml")))
INDUSTRIES, TECHNOLOGIES = _told.industries, _told.technologies


def industry_match(industry: str) -> float:
    """1 if the firm sells to this industry, else 0."""
    return float(industry.replace("_", " ") in INDUSTRIES)


def technology_fit(technologies: str) -> float:
    """Share of the wanted technologies that a company uses, 0–1."""
    return len(TECHNOLOGIES.intersection(technologies.split(";"))) / len(TECHNOLOGIES)
