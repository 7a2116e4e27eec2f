"""What the documents promise is there: links, anchors, `make` targets, `leadline` commands; and no forbidden names.

What is generated must be up to date.

`python -m scripts.check_docs` reads README, CONTRIBUTING, CHANGELOG and docs/, and every committed file for the names.
"""

import re
import subprocess
import sys
from pathlib import Path

import typer.main

from features.catalogue import page as features_page
from features.definitions import LEAD_SCORING
from leadline.cli import app
from leadline.contracts import stale
from scripts.metrics_page import PAGE, page

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
_MAKE = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
_COMMAND = re.compile(r"(?:^\s*|`)(?:\$ )?(?:\.venv/bin/)?leadline ([a-z][a-z-]*)", re.MULTILINE)
# One machine's folders, and package registries: they belong to a machine's own settings. Written so that this file
# does not contain what it looks for.
_FORBIDDEN = re.compile(
    r"/[w]ork/|/[r]oot/|pypi[.]org|pythonhosted[.]org|repo1?[.]maven|proxy[.]golang[.]org|registry-1[.]docker|"
    r"deb[.]debian[.]org|registry[.]npmjs"
)


def main() -> int:
    """0 when every promise is kept."""
    documents = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    documents = [path for path in documents if path.exists()] + sorted((ROOT / "docs").rglob("*.md"))
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = set(getattr(typer.main.get_command(app), "commands", {}))
    problems = []
    for path in documents:
        text, name = path.read_text(), path.relative_to(ROOT)
        problems += [f"{name}: {problem}" for problem in broken_links(path, text)]
        problems += [f"{name}: `make {word}` is no target" for word in set(_MAKE.findall(text)) - targets]
        problems += [f"{name}: `leadline {word}` is no command" for word in set(_COMMAND.findall(text)) - commands]
    problems += [f"{name}: is out of date; run `leadline contracts write`" for name in stale()]
    if PAGE.read_text() != page():
        problems.append("docs/metrics.md: is out of date; run `python -m scripts.metrics_page`")
    if (ROOT / "docs" / "features.md").read_text() != features_page(LEAD_SCORING):
        problems.append("docs/features.md: is out of date; run `leadline features catalogue --out docs/features.md`")
    problems += forbidden_names()
    sys.stdout.writelines(f"{problem}\n" for problem in sorted(problems))
    sys.stdout.write(f"docs: {len(documents)} documents, {len(problems)} problems\n")
    return 1 if problems else 0


def broken_links(path: Path, text: str) -> list[str]:
    """Relative links of a document that lead nowhere, and anchors that their document does not have."""
    problems = []
    for link in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.exists():
            problems.append(f"the link {link} leads nowhere")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            problems.append(f"the link {link} names a heading that is not there")
    return problems


def anchors(text: str) -> set[str]:
    """The anchors GitHub gives a document's headings."""
    headings = (re.sub(r"[`*_]", "", heading).strip().lower() for heading in _HEADING.findall(_FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def forbidden_names() -> list[str]:
    """Every place in a file git knows, or would add, that names a registry or a folder of one machine."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.splitlines()
    problems = []
    for name in listed:
        path = ROOT / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="ignore").splitlines()
            hits = ((number, _FORBIDDEN.search(line)) for number, line in enumerate(lines, 1))
            problems += [f"{name}:{number}: names {hit[0]!r}" for number, hit in hits if hit]
    return problems


if __name__ == "__main__":
    sys.exit(main())
