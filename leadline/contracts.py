"""The data contracts from the command line: what there is, what is made of them, and whether a change may be made."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingestion.contracts.catalog import FOLDER, RELEASED, contracts_in, interaction, newest
from ingestion.contracts.json_schema import json_schema
from ingestion.contracts.judge import Judgement, judge
from ingestion.contracts.odcs import Contract, write
from ingestion.contracts.page import page
from ingestion.sources.topics import raw_contracts
from leadline.errors import LeadlineError

PAGE = FOLDER.parents[1] / "docs" / "contracts.md"
_NOTE = "Written by `leadline contracts write` from the adapters' statements and topics.py in ingestion/sources/."


def generated() -> dict[Path, str]:
    """Every file that is made of something else, with what it must hold."""
    raw = raw_contracts()
    written = newest(each for each in contracts_in(FOLDER) if not each.stated("sources"))
    schema = msgspec.json.format(msgspec.json.encode(json_schema(interaction())), indent=2).decode()
    return {
        **{FOLDER / contract.file_name: write(contract, _NOTE) for contract in raw},
        FOLDER / interaction().file_name.replace("odcs.yaml", "schema.json"): f"{schema}\n",
        PAGE: page([*written.values(), *raw]),
    }


def stale() -> list[str]:
    """Generated files that do not hold what they must, and raw topics' contracts of versions that are gone."""
    must = generated()
    old = [path for path in must if not path.exists() or path.read_text() != must[path]]
    return [str(path.relative_to(FOLDER.parents[1])) for path in [*old, *_left_over(must)]]


def _left_over(must: dict[Path, str]) -> list[Path]:
    return [path for path in FOLDER.glob("raw.*.odcs.yaml") if path not in must]


def write_generated(console: Console) -> None:
    """Bring the generated files up to date. Only in a checkout: what is installed is not edited."""
    if not PAGE.parent.exists():
        raise LeadlineError(f"{PAGE.parent} is not there: run this in a checkout of the repository")
    must = generated()
    for path in _left_over(must):
        path.unlink()
    for path, content in must.items():
        path.write_text(content)
    console.print(f"{len(must)} files are up to date.")


def list_contracts(console: Console) -> None:
    """Every contract with its version, topic and what was released of it."""
    released = newest(contracts_in(RELEASED))
    table = Table(header_style="bold")
    for name in ("contract", "version", "status", "topic", "fields", "released"):
        table.add_column(name, overflow="fold")
    for each in contracts_in(FOLDER):
        last = released[each.id].version if each.id in released else "not yet"
        count = str(sum(1 for _ in each.walk()))
        table.add_row(each.id, each.version, each.status, each.topic.physical_name, count, last)
    console.print(table)


def show_contract(name: str, console: Console) -> None:
    """One contract in full, the newest version unless NAME ends in one."""
    contract = _find(name)
    said = contract.description
    console.print(f"[bold]{contract.id} {contract.version}[/bold] on {contract.topic.physical_name}: {said.purpose}")
    console.print(f"{said.usage}\n{said.limitations}", highlight=False)
    table = Table(header_style="bold")
    for column in ("field", "type", "required", "personal data", "meaning"):
        table.add_column(column, overflow="fold")
    for path, field in contract.walk():
        required = "yes" if field.required else ""
        table.add_row(path, str(field.logical_type), required, field.classification or "", field.description)
    console.print(table)
    for source in contract.stated("sources") or ():
        console.print(f"[bold]{source['system']}[/bold] {source['sender']}; an event's id is {source['dedupe']}")


def _find(name: str) -> Contract:
    kept = contracts_in(FOLDER)
    by_name = newest(kept) | {f"{each.id}-{each.version}": each for each in kept}
    if name not in by_name:
        raise LeadlineError(f"no contract {name}, expected one of {', '.join(sorted(by_name))}")
    return by_name[name]


def check_contracts(against: Path | None, console: Console) -> int:
    """Compare every contract with those in a folder, else with the released ones.

    0 if each change has the version that it asks for, else 1.
    """
    if against is not None and not contracts_in(against):
        raise LeadlineError(f"{against}: no contract is there, expected files such as {interaction().file_name}")
    judgements = judge(contracts_in(FOLDER), contracts_in(against or RELEASED))
    if any(judgement.before is not None for judgement in judgements):
        console.print(_table(judgements))
    refused = sum(not judgement.held for judgement in judgements)
    console.print(f"{len(judgements)} contracts, {refused} refused.")
    return 1 if refused else 0


def _table(judgements: list[Judgement]) -> Table:
    table = Table(header_style="bold")
    for name in ("contract", "released", "now", "change", "asks for", "verdict"):
        table.add_column(name, overflow="fold")
    for judgement in judgements:
        verdict = Text("passed", style="green") if judgement.held else Text(_refusal(judgement), style="bold red")
        before, now = (str(version or "") for version in (judgement.before, judgement.now))
        for change in judgement.changes or (None,):
            what, asks = (change.what, change.level.name) if change else ("", "")
            table.add_row(judgement.id, before, now, what, asks, verdict)
    return table


def _refusal(judgement: Judgement) -> str:
    if judgement.now is None:
        return "refused: it is gone; keep it, with the status retired"
    return f"refused: needs {judgement.least}"


def release(names: list[str], console: Console) -> None:
    """Keep contracts, all of them if none is named, as released: what later changes are compared with.

    Raises:
        LeadlineError: a change does not have the version that it asks for.
    """
    kept = [_find(name) for name in names] or contracts_in(FOLDER)
    named = {contract.id for contract in kept}
    released = [contract for contract in contracts_in(RELEASED) if contract.id in named]
    refused = [judgement.id for judgement in judge(kept, released) if not judgement.held]
    if refused:
        raise LeadlineError(f"{', '.join(refused)}: see `leadline contracts check`; nothing was released")
    RELEASED.mkdir(exist_ok=True)
    for contract in kept:
        (RELEASED / contract.file_name).write_bytes((FOLDER / contract.file_name).read_bytes())
    console.print(f"{len(kept)} contracts are released.")
