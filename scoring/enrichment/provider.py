"""The seam between us and whoever reads."""

from __future__ import annotations

from typing import Protocol

from scoring.enrichment.reading import Reading


class Provider(Protocol):
    """Reads one text. `name` and `prompt_version` are recorded with every reading."""

    name: str
    prompt_version: str

    async def read(self, text: str) -> Reading:
        """A reading of a prepared text (masked, capped); takes seconds at most.

        Raises:
            NextProvider: this one cannot or may not read it now; ask the next.
        """
        ...
