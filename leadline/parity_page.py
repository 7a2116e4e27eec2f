"""The result of a comparison as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape

from features.comparison import Compared, Outcome
from features.monitor import differing, faulty

AGES = {
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "a week": timedelta(days=7),
    "a month": timedelta(days=30),
    "a quarter": timedelta(days=90),
}
SHOWN = 500  # differences, one by one
_STYLE = """
:root { color-scheme: light dark; --equal: #2e7d5b; --mismatch: #c62828; --missing: #ef8f00; --extra: #7b4fc9;
        --line: #8884; font: 15px/1.45 system-ui, sans-serif }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.verdict { font-size: 1.1rem; padding: .6rem .9rem; border-left: .4rem solid var(--equal); background: #8881 }
.verdict.wrong { border-color: var(--mismatch) }
table { border-collapse: collapse; width: 100% } td, th { padding: .2rem .6rem; text-align: left }
td { border-top: 1px solid var(--line) } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: .9em }
.bar { display: flex; height: .9rem; min-width: 14rem; border-radius: .2rem; overflow: hidden; background: #8882 }
.bar i, .key i { background: var(--of) } .bar i { min-width: 3px } .bar i.none { display: none }
.key i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; vertical-align: -1px }
.equal { --of: var(--equal) } .mismatch { --of: var(--mismatch) } .missing { --of: var(--missing) }
.extra { --of: var(--extra) }
"""


def page_of(
    compared: Sequence[Compared], names: Sequence[str], features: str, share: float, now: datetime | None = None
) -> str:
    """The page. Leads are named by their pseudonymous ids; there is nothing else of a person in it."""
    at = now or datetime.now(UTC)
    wrong = [each for each in compared if not each.held]
    verdict = f"{len(wrong):,} of {len(compared):,} leads differ" if wrong else f"All {len(compared):,} leads are equal"
    waiting = sum(each.waiting for each in compared)
    legend = "".join(f'<i class="{outcome}"></i>{outcome}' for outcome in ("equal", *Outcome))
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Feature parity, {at:%Y-%m-%d %H:%M} UTC</title><style>{_STYLE}</style>
<h1>Feature parity</h1>
<p>{at:%Y-%m-%d %H:%M:%S} UTC · <code>{escape(features)}</code> · {share:.2%} of all leads · served online against
the recompute from the lake, bit for bit</p>
<p class="verdict{" wrong" if wrong else ""}">{verdict}; {waiting:,} wait for the lake or the feature worker.</p>
<h2>By feature</h2><p class="key">{legend}</p>{_bars(compared, names)}
<h2>Online rows</h2>{_rows(compared)}
<h2>Age</h2>{_ages(compared, at)}
<h2>Leads that differ</h2>{_differences(wrong)}
</html>
"""


def _bars(compared: Sequence[Compared], names: Sequence[str]) -> str:
    leads, counts = sum(each.lives and not each.waiting for each in compared), differing(compared)
    rows = []
    for name in names:
        differ = {outcome.value: counts[name, outcome.value] for outcome in Outcome}
        numbers = {"equal": max(0, leads - sum(differ.values())), **differ}
        bar = "".join(
            f'<i class="{outcome}{"" if number else " none"}" style="flex:{number}" title="{number:,} {outcome}"></i>'
            for outcome, number in numbers.items()
        )
        told = ", ".join(f"{number:,} {outcome}" for outcome, number in differ.items() if number)
        rows.append(f'<tr><td><code>{escape(name)}</code><td><div class="bar">{bar}</div><td class="n">{told}')
    return f"<table>{''.join(rows)}</table>"


def _rows(compared: Sequence[Compared]) -> str:
    found = faulty(compared)
    if not found:
        return "<p>Each is as the history has it.</p>"
    rows = [f'<tr><td>{entity}<td>{fault}<td class="n">{number:,}' for (entity, fault), number in sorted(found.items())]
    return f'<table><tr><th>of<th>fault<th class="n">rows{"".join(rows)}</table>'


def _ages(compared: Sequence[Compared], at: datetime) -> str:
    """How old what is served is: a quiet lead's row may be old, an event that is not in it may not."""
    ages = [at - each.known_at for each in compared if each.known_at is not None and each.lives]
    since = [each.unapplied_since for each in compared if each.unapplied_since is not None]
    rows = "".join(
        f'<tr><td>row younger than {name}<td class="n">{sum(age < limit for age in ages):,} of {len(ages):,}'
        for name, limit in AGES.items()
    )
    behind = f"{(at - min(since)).total_seconds():,.0f} s, at {len(since):,} leads" if since else "none"
    return f'<table>{rows}<tr><td>oldest event that is not in its lead\'s row<td class="n">{behind}</table>'


def _differences(wrong: Sequence[Compared]) -> str:
    rows = [
        f"<tr><td><code>{escape(each.lead)}</code><td>row of {entity} <code>{escape(key)}</code><td>{fault}<td><td>"
        for each in wrong
        for entity, key, fault in each.faults
    ]
    rows += [
        f"<tr><td><code>{escape(each.lead)}</code><td><code>{escape(found.feature)}</code><td>{found.outcome}"
        f'<td class="n">{_value(found.served)}<td class="n">{_value(found.recomputed)}'
        for each in wrong
        for found in each.differences
    ]
    if not rows:
        return "<p>None.</p>"
    more = f"<p>… and {len(rows) - SHOWN:,} more</p>" if len(rows) > SHOWN else ""
    head = '<tr><th>lead<th>what<th>how<th class="n">served<th class="n">recomputed'
    return f"<table>{head}{''.join(rows[:SHOWN])}</table>{more}"


def _value(value: float | None) -> str:
    return "–" if value is None else repr(value)
