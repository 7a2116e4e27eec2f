"""The embedded platform's own secrets: made once, kept in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from hashlib import sha256
from pathlib import Path

FILE = "secrets.env"
CLIENT_KEY = "LEADLINE_CLIENT_KEY"
_NEEDED = ("LEADLINE_IDENTITY_KEY", "LEADLINE_MASTER_KEY")


def given() -> bool:
    """Whether the environment brings every secret that has no default: then none is made or kept here."""
    return all(os.environ.get(name) for name in _NEEDED)


def ensure(home: Path) -> dict[str, str]:
    """The environment variables that hold this home's secrets; made at the first call.

    Variables that are set already win, so that a deployment brings its own.
    `LEADLINE_CLIENT_KEY` is the API key of the local client; the service only gets its hash.
    """
    path = home / FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        client = secrets.token_urlsafe(32)
        made = {
            "LEADLINE_IDENTITY_KEY": secrets.token_hex(32),
            "LEADLINE_MASTER_KEY": secrets.token_hex(32),
            CLIENT_KEY: client,
            "LEADLINE_API_KEYS": f"local:score+read+admin:{sha256(client.encode()).hexdigest()}",
        }
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in made.items())
    kept = dict(line.strip().split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return {name: os.environ.get(name) or value for name, value in kept.items()}
