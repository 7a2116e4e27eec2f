"""A judged snapshot as one HTML file that needs nothing else: each feature now beside what it was."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from features.drift import KS_MOST, MISSING_MOST, PSI_MOST, by_drift, has_drifted
from features.snapshot_gate import Judged
from quality.drift import ENOUGH, Distribution, Shift, Values, bins, edges
from quality.verdict import Action, Verdict

WIDTH, HEIGHT, GAP = 264, 84, 3
_STYLE = """
:root { color-scheme: light dark; --now: #1f5fa8; --then: #aeb5bd; --wrong: #c62828; --good: #2e7d5b; --line: #8884;
        font: 15px/1.45 system-ui, sans-serif }
@media (prefers-color-scheme: dark) { :root { --now: #6ea8e6; --then: #56606b } }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.verdict { font-size: 1.1rem; padding: .6rem .9rem; border-left: .4rem solid var(--good); background: #8881 }
.verdict.wrong { border-color: var(--wrong) }
.key i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; vertical-align: -1px }
.now { fill: var(--now); background: var(--now) } .then { fill: var(--then); background: var(--then) }
table { border-collapse: collapse; width: 100% } td, th { padding: .2rem .6rem; text-align: left }
td { border-top: 1px solid var(--line) } td.n { text-align: right; font-variant-numeric: tabular-nums }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)) }
article { border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem }
article.wrong { border: 2px solid var(--wrong) }
h3 { font: 600 .95rem ui-monospace, monospace; margin: 0; overflow-wrap: anywhere } p { margin: .25rem 0 }
svg { display: block; width: 100%; margin-top: .6rem } text, .small { font-size: 12px; fill: #808891; color: #808891 }
"""


def page_of(found: Judged, feature_set: str) -> str:
    """The page. There are shares of leads in it, and no lead."""
    wrong = [verdict for verdict in found.verdicts if verdict.action is not Action.PASS]
    drifted = sum(map(has_drifted, found.shifts.values()))
    told = f"{drifted} of {len(found.shifts)} features have drifted" if found.shifts else "There is no reference yet"
    if wrong:
        told += f"; {', '.join(verdict.suite.partition('@')[0] for verdict in wrong)} found something"
    against = f"against {found.reference.of}" if found.reference else "against nothing"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Feature gate, {found.at:%Y-%m-%d %H:%M} UTC</title><style>{_STYLE}</style>
<h1>Feature gate</h1>
<p>{found.at:%Y-%m-%d %H:%M:%S} UTC · <code>{escape(feature_set)}</code> · {found.leads:,} leads {escape(against)}</p>
<p class="verdict{" wrong" if wrong else ""}">{escape(told)}.</p>
<h2>Verdicts</h2>{_verdicts(found.verdicts)}
<h2>Drift</h2>
<p class="key"><i class="then"></i>share of the reference <i class="now"></i>share of the leads now. A feature has
drifted from a PSI of {PSI_MOST}, a KS distance of {KS_MOST} beyond its critical value, or {MISSING_MOST:.0%} more or
fewer leads without it, beyond chance. Fewer than {ENOUGH} values are not judged.</p>
<main>{"".join(_card(found, name, shift) for name, shift in by_drift(found.shifts))}</main>
</html>
"""


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    rows = []
    for verdict in verdicts:
        findings = "<br>".join(f"{escape(each.expectation)}: {escape(each.observed)}" for each in verdict.findings)
        rows.append(f"<tr><td><code>{escape(verdict.suite)}</code><td>{verdict.action}<td>{findings}")
    return f"<table>{''.join(rows)}</table>"


def _card(found: Judged, name: str, shift: Shift) -> str:
    assert found.reference is not None
    figures = [f"{word} {value:.3f}" for word, value in (("PSI", shift.psi), ("KS", shift.ks)) if value is not None]
    if shift.critical is not None:
        figures[-1] += f" (critical {shift.critical:.3f})"
    missing = f"{shift.was_missing:.1%} missing then, {shift.missing:.1%} now"
    reference, values = found.reference.distributions[name], found.columns[name]
    plot = _plot(name, reference, values) if reference.known else '<p class="small">The reference has no value.</p>'
    about = f'<p class="small">{" · ".join([*figures, missing])}</p>'
    return f'<article class="{"wrong" if has_drifted(shift) else ""}"><h3>{escape(name)}</h3>{plot}{about}</article>'


def _plot(name: str, reference: Distribution, values: Values) -> str:
    """A pair of bars for each bin of the index that holds anything."""
    then, now = (counts / max(counts.sum(), 1) for counts in bins(reference, values))
    ends = edges(reference)[1:].tolist()
    labels = [f"< {reference.knots[0]:.3g}", *(f"{end:.3g}" for end in ends), f"> {ends[-1]:.3g}"]
    held = np.flatnonzero(then + now)
    step, tallest = WIDTH / len(held), max(then.max(), now.max())
    drawn = []
    for place, at in enumerate(held):
        for side, (share, kind) in enumerate(((then[at], "then"), (now[at], "now"))):
            tall, width = HEIGHT * share / tallest, (step - GAP) / 2
            x, y = place * step + side * width, HEIGHT - tall
            drawn.append(f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{tall:.1f}"/>')
        if len(held) <= 7 or place in (0, len(held) // 2, len(held) - 1):
            middle = f'x="{(place + 0.5) * step:.1f}" y="{HEIGHT + 15}" text-anchor="middle"'
            drawn.append(f"<text {middle}>{escape(labels[at])}</text>")
    return (
        f'<svg viewBox="-12 0 {WIDTH + 24} {HEIGHT + 20}" role="img" aria-label="{escape(name)}">{"".join(drawn)}</svg>'
    )
