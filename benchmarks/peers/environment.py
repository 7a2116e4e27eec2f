"""Environments of their own for programs that Leadline is measured against, from hash-locked requirements."""

from __future__ import annotations

import subprocess
from pathlib import Path

from leadline.errors import LeadlineError

HERE = Path(__file__).parent
UV = Path(__file__).parents[2] / ".venv" / "tools" / "bin" / "uv"


def environment(peer: str, folder: Path) -> Path:
    """The `bin` folder of the peer's virtual environment below `folder`; made if missing, in about ten seconds.

    Raises:
        LeadlineError: it cannot be made.
    """
    target, requirements = folder / peer, HERE / peer / "requirements.txt"
    made = target / "complete"
    if not made.exists() or made.read_text() != requirements.read_text():
        if not UV.exists():
            raise LeadlineError(f"{UV}, which makes the environment of {peer}, is missing: run `make setup`")
        commands = (
            [str(UV), "venv", "--quiet", "--clear", str(target)],
            [
                str(UV),
                "pip",
                "install",
                "--quiet",
                "--require-hashes",
                "--python",
                str(target),
                "-r",
                str(requirements),
            ],
        )
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise LeadlineError(f"the environment of {peer} could not be made: {done.stderr.strip()[-500:]}")
        made.write_text(requirements.read_text())
    return target / "bin"


def peer_versions(bin_folder: Path, *distributions: str) -> dict[str, str]:
    """What a peer's environment holds, by `peer DISTRIBUTION`."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    command = [str(bin_folder / "python"), "-c", code, *distributions]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return {f"peer {name}": version for name, version in zip(distributions, found, strict=True)}
