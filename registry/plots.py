"""The four pictures of an evaluation, drawn without a display.

Each function gives a figure; `write_plots` saves all of them as PNG files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from registry.bundle import Bundle
from registry.evaluate import Evaluation, Labels, Probabilities
from registry.frame import TrainingFrame

_MODEL, _OTHER, _GREY = "#1f5fa8", "#d9822b", "#8a8f98"
_EXPLAINED_ROWS = 800
_SHOWN_FEATURES = 15


def write_plots(
    folder: Path,
    bundle: Bundle,
    holdout: TrainingFrame,
    model: tuple[Evaluation, Probabilities],
    baseline: tuple[Evaluation, Probabilities],
) -> None:
    """Calibration, lift, decision curve and SHAP summary of the hold-out, into `folder`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figures = {
        "calibration": calibration_plot(*model),
        "lift": lift_plot(holdout.labels, model, baseline),
        "decision_curve": decision_plot(model[0], baseline[0]),
        "shap_summary": shap_plot(bundle, holdout),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        FigureCanvasAgg(figure).print_png(folder / f"{name}.png")


def _axes(title: str, subtitle: str, height: float = 4.6) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, height), dpi=130, layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{title}\n", loc="left", fontsize=13, fontweight="bold")
    note = axes.text(0, 1.02, subtitle, transform=axes.transAxes, fontsize=9.5, color="#4a4f57")
    note.set_in_layout(False)  # a long line must not push the axes together
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def calibration_plot(evaluation: Evaluation, probabilities: Probabilities) -> Any:
    """Predicted against observed win rate in ten bins of equal size, with 95 % Wilson intervals."""
    figure, axes = _axes(
        "When the model says 10 %, do 10 % win?",
        f"ECE {evaluation.ece:.3f} · Brier {evaluation.brier:.3f} · {evaluation.rows:,} held-out snapshots, "
        f"{evaluation.positives:,} won",
    )
    bins = evaluation.calibration
    predicted, observed = np.array([b.predicted for b in bins]), np.array([b.observed for b in bins])
    low, high = _wilson(observed, np.array([b.rows for b in bins]))
    top = min(1.0, 1.1 * float(max(predicted.max(), high.max(), 0.05)))
    axes.plot([0, top], [0, top], color=_GREY, linestyle="--", linewidth=1.2, label="perfectly calibrated")
    errors = np.clip([observed - low, high - observed], 0, None)
    axes.errorbar(predicted, observed, errors, color=_MODEL, marker="o", capsize=3, linewidth=1.8, label="model")
    share = np.full(len(probabilities), 1 / len(probabilities))
    counts = axes.twinx()
    bars, *_ = counts.hist(probabilities, np.linspace(0, top**0.5, 41) ** 2, weights=share, color=_MODEL, alpha=0.15)
    counts.set_ylim(0, 4 * float(bars.max()))
    counts.set_axis_off()
    for scaled in (axes.set_xscale, axes.set_yscale):  # win rates are low: the square root gives them room
        scaled("function", functions=(lambda value: np.sqrt(np.clip(value, 0, None)), np.square))
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="predicted probability of winning", ylabel="share that won")
    ticks = [tick for tick in (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0) if tick <= top]
    axes.set(xticks=ticks, yticks=ticks)
    _percent(axes.xaxis, axes.yaxis)
    axes.legend(frameon=False, loc="upper left")
    return figure


def lift_plot(
    labels: Labels, model: tuple[Evaluation, Probabilities], baseline: tuple[Evaluation, Probabilities]
) -> Any:
    """Share of all won leads found by working the best x % of the list."""
    top = model[0].top[1]
    figure, axes = _axes(
        "How much of the business is in the best leads?",
        f"The best 10 % hold {100 * top.recall:.0f} % of the wins: {top.lift:.1f} times a random tenth",
    )
    worked = np.arange(len(labels) + 1) / len(labels)
    for name, (evaluation, probabilities), colour in (
        ("model", model, _MODEL),
        ("logistic baseline", baseline, _OTHER),
    ):
        order = np.argsort(-probabilities, kind="stable")
        found = np.append(0.0, np.cumsum(labels[order]) / labels.sum())
        axes.plot(worked, found, color=colour, linewidth=2, label=f"{name} (AUROC {evaluation.auroc:.3f})")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1.2, label="random order")
    for each in model[0].top:
        axes.annotate(
            f"{each.lift:.1f}×",
            (each.share, each.recall),
            textcoords="offset points",
            xytext=(7, -11),
            ha="left",
            color=_MODEL,
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
        )
        axes.plot(each.share, each.recall, "o", color=_MODEL, markersize=5)
    axes.set(
        xlim=(0, 1), ylim=(0, 1.02), xlabel="share of the leads worked, best first", ylabel="share of the wins found"
    )
    _percent(axes.xaxis, axes.yaxis)
    axes.legend(frameon=False, loc="lower right")
    return figure


def decision_plot(model: Evaluation, baseline: Evaluation) -> Any:
    """Net benefit against the threshold from which a lead is worked."""
    figure, axes = _axes(
        "Is using the model better than calling everyone or no one?",
        "Net benefit = won leads worked, less wasted calls at the threshold's odds, per lead",
    )
    threshold = np.array([each.threshold for each in model.decision])
    everyone = np.array([each.everyone for each in model.decision])
    benefit = np.array([each.model for each in model.decision])
    other = np.array([each.model for each in baseline.decision])
    axes.plot(threshold, benefit, color=_MODEL, linewidth=2, label="model")
    axes.plot(threshold, other, color=_OTHER, linewidth=1.5, label="logistic baseline")
    axes.plot(threshold, everyone, color=_GREY, linewidth=1.2, linestyle="--", label="call everyone")
    axes.axhline(0, color="black", linewidth=1, label="call no one")
    top = 1.1 * float(max(benefit.max(), everyone.max(), 0.01))
    axes.set(
        xlim=(0, threshold.max()),
        ylim=(-0.2 * top, top),
        xlabel="work a lead from this probability on",
        ylabel="net benefit per lead",
    )
    _percent(axes.xaxis)
    axes.legend(frameon=False, loc="upper right")
    return figure


def shap_plot(bundle: Bundle, frame: TrainingFrame) -> Any:
    """What moves the score: each dot is one lead's contribution, coloured by the feature's value."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    rows = frame.values[np.linspace(0, frame.rows - 1, min(frame.rows, _EXPLAINED_ROWS)).astype(int)]
    contributions = np.array([bundle.contributions(row) for row in rows])
    strength = np.abs(contributions).mean(axis=0)
    shown = np.argsort(-strength, kind="stable")[:_SHOWN_FEATURES][::-1]
    figure, axes = _axes(
        "What moves the score",
        "Exact SHAP values; right of zero speaks for winning",
        height=1.6 + 0.34 * len(shown),
    )
    colours, jitter = colormaps["coolwarm"], np.random.default_rng(0)
    for line, feature in enumerate(shown):
        value = rows[:, feature]
        known = ~np.isnan(value)
        height = line + jitter.uniform(-0.28, 0.28, len(value))
        rank = np.searchsorted(np.sort(value[known]), value[known])
        rank = rank / max(int(rank.max(initial=0)), 1)
        axes.scatter(contributions[~known, feature], height[~known], s=7, color="#b8bcc2", linewidths=0)
        axes.scatter(contributions[known, feature], height[known], s=7, c=colours(rank), linewidths=0)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [f"{frame.feature_names[each]}  {strength[each]:.2f}" for each in shown])
    axes.set(xlabel="contribution to the score (log-odds)", ylim=(-0.7, len(shown) - 0.3))
    axes.grid(axis="y", visible=False)
    bar = figure.colorbar(ScalarMappable(cmap=colours), ax=axes, ticks=[0, 1], aspect=40, pad=0.01)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("feature value (grey: missing)", labelpad=-14)
    bar.outline.set_visible(False)
    return figure


def _wilson(share: Any, rows: Any) -> tuple[Any, Any]:
    """Wilson's 95 % interval of a share (Journal of the American Statistical Association 22 (1927) 209–212)."""
    z = 1.96
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return centre - half, centre + half


def _percent(*axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
