"""Prompts are files with versions; an edit is a new version, recorded with every reading."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from scoring.errors import PromptError

LEAD_READING = Path(__file__).parent / "prompts" / "lead_reading"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt; `version` is `lead_reading/1@` and the text's first 12 digest digits."""

    version: str
    text: str


def load(version: str | None = None, folder: Path = LEAD_READING) -> Prompt:
    """The prompt of that version, else the newest.

    Raises:
        PromptError: there is no such version.
    """
    versions = {path.stem: path for path in folder.glob("*.txt") if path.stem.isdigit()}
    if not versions or (version is not None and version not in versions):
        raise PromptError(f"{folder.name} has no prompt version {version}; there are {sorted(versions, key=int)}")
    chosen = version or max(versions, key=int)
    content = versions[chosen].read_bytes()
    return Prompt(f"{folder.name}/{chosen}@{sha256(content).hexdigest()[:12]}", content.decode())
