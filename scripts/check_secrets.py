"""No secret is committed: `python -m scripts.check_secrets [FILE …]`, all tracked files without arguments.

Known shapes only (private keys, providers' tokens, a filled-in env file), so that a hit is worth stopping for.
"""

import re
import subprocess
import sys
from pathlib import Path

SHAPES = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "an LLM provider's key": re.compile(r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
    "a Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    "a URL with a password": re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@{}$<>\"']+:[A-Za-z0-9_+.-]{12,}@"),
}
FILLED_IN = re.compile(r"^\s*(?:export\s+)?[A-Z_]*(?:SECRET|TOKEN|PASSWORD|_KEYS?)=[^\s$#'\"]{8,}", re.MULTILINE)


def secrets_in(name: str, text: str) -> list[str]:
    """Sentences about what looks like a secret in a file, each with its line."""
    shapes = dict(SHAPES)
    if Path(name).name.startswith(".env") or name.endswith(".env"):
        shapes["a filled-in secret"] = FILLED_IN
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1}: looks like {what}"
        for what, shape in shapes.items()
        for found in shape.finditer(text)
    ]


def main() -> int:
    """0 when nothing was found."""
    names = sys.argv[1:] or subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    found = []
    for name in filter(None, names):
        path = Path(name)
        if path.is_file():
            found += secrets_in(name, path.read_text(encoding="utf-8", errors="ignore"))
    sys.stdout.writelines(f"{line}\n" for line in found)
    if found:
        sys.stdout.write("Move it to .env (which is ignored), and replace it where it is valid: history keeps it.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
