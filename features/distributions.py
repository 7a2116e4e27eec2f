"""The catalogue with a plot of each feature's values: one page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from features.catalogue import range_of
from features.declarations import Feature, Type
from features.feature_set import FeatureSet

Values = dict[str, list[float | None]]  # by feature, one for each lead
BINS = 24
WIDTH, HEIGHT, GAP = 264, 72, 1

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Features of {service}</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1d232b }}
h1 {{ font-size: 1.5rem; margin-bottom: .2rem }} .note {{ color: #59616b }}
main {{ display: grid; gap: 1rem; margin-top: 1.5rem }}
main {{ grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)) }}
article {{ border: 1px solid #dfe3e8; border-radius: 8px; padding: .8rem 1rem }}
h2 {{ font: 600 .95rem ui-monospace, monospace; margin: 0; overflow-wrap: anywhere }}
p {{ margin: .25rem 0 }} svg {{ display: block; width: 100%; margin-top: .6rem }} rect {{ fill: #1f5fa8 }}
text, .small {{ font-size: 12px; fill: #59616b; color: #59616b }}
line {{ stroke: #aeb5bd }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14181d; color: #e6e9ed }} rect {{ fill: #6ea8e6 }}
article {{ border-color: #323a44 }} .note, text, .small {{ color: #a3acb7; fill: #a3acb7 }}
line {{ stroke: #56606b }} }}
</style><h1>Features of {service}</h1>
<p class="note">{count} features of {leads:,} leads as served at {now:%Y-%m-%d %H:%M} UTC. Bars count leads; those
without a value are left out and named. Beyond the 99th percentile all values share the last bar.</p><main>
"""


def html_page(features: FeatureSet, values: Mapping[str, Sequence[float | None]], now: datetime) -> str:
    """The page, in HTML without scripts; `values` has an entry for each feature."""
    leads = max(map(len, values.values()), default=0)
    head = _HEAD.format(service=escape(features.service), count=len(features.features), leads=leads, now=now)
    return head + "\n".join(_card(each, values[each.name]) for each in features.features) + "\n</main></html>\n"


def _card(feature: Feature, values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    missing = len(values) - len(known)
    facts = f"{feature.expression.edges} · {feature.unit} · {range_of(feature)}"
    told = f"{feature.owner} · version {feature.version} · {feature.privacy}"
    if missing:
        told += f" · {100 * missing / len(values):.0f} % missing"
    plot = _plot(feature, known) if known else '<p class="note">No lead has a value.</p>'
    lines = (f"<p>{escape(feature.description)}</p>", plot, f'<p class="small">{escape(facts)}<br/>{escape(told)}</p>')
    return f"<article><h2>{escape(feature.name)}</h2>{''.join(lines)}</article>"


def _plot(feature: Feature, known: Sequence[float]) -> str:
    """Bars, with the least value, the median and the highest below them."""
    counts, last = bars(known, whole=feature.type in (Type.COUNT, Type.RANK, Type.FLAG))
    step = WIDTH / len(counts)
    drawn = []
    for place, count in enumerate(counts):
        tall = 0.0 if not count else max(1.0, HEIGHT * count / max(counts))
        size = f'width="{step - GAP:.1f}" height="{tall:.1f}"'
        drawn.append(f'<rect x="{place * step:.1f}" y="{HEIGHT - tall:.1f}" {size}><title>{count:,}</title></rect>')
    median = known[len(known) // 2]
    words = f"{known[0]:.3g}", f"median {median:.3g}", f"{last:.3g}{' or more' if last < known[-1] else ''}"
    places = ((0, "start"), (WIDTH / 2, "middle"), (WIDTH, "end"))
    texts = "".join(
        f'<text x="{x:g}" y="{HEIGHT + 16}" text-anchor="{anchor}">{word}</text>'
        for (x, anchor), word in zip(places, words, strict=True)
    )
    title = f"{feature.name}: {words[0]} to {words[2]}, {words[1]}"
    axis = f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 20}" role="img" aria-label="{escape(title)}">'
        f"{''.join(drawn)}{axis}{texts}</svg>"
    )


def bars(known: Sequence[float], *, whole: bool) -> tuple[list[int], float]:
    """How many of the sorted values fall into each of at most `BINS` bars of one width, and where the last one ends.

    Whole numbers get a bar each while there is room. The last bar also holds everything beyond the 99th percentile, so
    that one lead out of thousands does not flatten the rest.
    """
    low, high = known[0], known[min(len(known) - 1, int(0.99 * len(known)))]
    if high <= low:
        return [len(known)], high
    each = whole and high - low < BINS
    bins = round(high - low) + 1 if each else BINS
    width = 1.0 if each else (high - low) / bins
    counts = [0] * bins
    for value in known:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return counts, high
