"""The names that adapters may put into `Draft.properties`, and what they mean: those of the contract.

Invariant: none of them holds a name, an e-mail address, a phone number, an IP address or free text; those go
to `claims`, `private` and `text`. Values are strings, numbers, booleans or lists of strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ingestion.contracts.catalog import interaction
from ingestion.contracts.odcs import Property

PROPERTIES: Mapping[str, Property] = MappingProxyType(
    {path.removeprefix("properties."): field for path, field in interaction().walk() if path.startswith("properties.")}
)
