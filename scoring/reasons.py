"""Why a score is what it is, in words: the three features that moved it most, and the strongest against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from features.vocabulary import SIZE_EDGES, STAGES
from scoring.decision import Reason

TOP = 3
STEADY = (0.4, 0.6)

Phrase = Callable[[float | None], str]


def reasons_of(features: Mapping[str, float | None], contributions: Mapping[str, float]) -> tuple[Reason, ...]:
    """The three largest contributions, largest first; if all push one way, a fourth: the largest that pushes back.

    Ties are ordered by name, so that the same numbers give the same reasons.
    """
    ranked = sorted(
        (each for each in contributions.items() if each[1] != 0.0), key=lambda each: (-abs(each[1]), each[0])
    )
    chosen = ranked[:TOP]
    if chosen and len({part > 0 for _, part in chosen}) == 1:
        chosen += [each for each in ranked[TOP:] if (each[1] > 0) != (chosen[0][1] > 0)][:1]
    return tuple(
        Reason(
            feature=name,
            value=features.get(name),
            contribution=part,
            text=f"{describe(name, features.get(name))} {'raised' if part > 0 else 'lowered'} the score",
        )
        for name, part in chosen
    )


def describe(feature: str, value: float | None) -> str:
    """The feature's value as the subject of a sentence."""
    phrase = PHRASES.get(feature)
    if phrase is not None:
        return phrase(value)
    name = feature.replace("_", " ")
    return f"{name} unknown" if value is None else f"{name} of {_number(value)}"


def _number(value: float) -> str:
    return f"{value:g}" if value == int(value) else f"{value:.1f}"


def _count(one: str, many: str, when: str) -> Phrase:
    def phrase(value: float | None) -> str:
        if value is None:
            return f"an unknown number of {many} {when}".strip()
        return f"{'no' if value == 0 else _number(value)} {one if value in (0, 1) else many} {when}".strip()

    return phrase


def _days_since(what: str) -> Phrase:
    return lambda value: f"no {what} so far" if value is None else f"the last {what} {value:.1f} days ago"


def _worded(name: str, words: Mapping[float, str]) -> Phrase:
    return lambda value: f"an unknown {name}" if value is None else f"the {name} ({words.get(value, _number(value))})"


def _flag(yes: str, no: str, unknown: str) -> Phrase:
    return lambda value: unknown if value is None else yes if value > 0 else no


def _out_of(name: str, best: float) -> Phrase:
    return lambda value: f"an unknown {name}" if value is None else f"a {name} of {_number(value)} out of {best:g}"


def _share(name: str) -> Phrase:
    return lambda value: f"an unknown {name}" if value is None else f"a {name} of {100 * value:.0f} %"


def _score(name: str) -> Phrase:
    return lambda value: f"an unknown {name}" if value is None else f"a {name} of {value:.2f}"


def _trend(name: str) -> Phrase:
    """A share of 0.4 to 0.6 is within a third of what was usual."""

    def phrase(value: float | None) -> str:
        if value is None:
            return f"no {name} in four weeks"
        return f"{'rising' if value > STEADY[1] else 'falling' if value < STEADY[0] else 'steady'} {name}"

    return phrase


def _worth(name: str) -> Phrase:
    return lambda value: f"an unknown {name}" if value is None else f"a {name} worth {value:,.0f}"


def _sizes() -> dict[float, str]:
    edges = (0, *SIZE_EDGES)
    words = {float(place): f"{low + 1:,} to {high:,}" for place, (low, high) in enumerate(pairwise(edges), 1)}
    return words | {float(len(edges)): f"over {SIZE_EDGES[-1]:,}"}


_STAGE_WORDS = {place: word.replace("qualifiedlead", "-qualified lead") for word, place in STAGES.items()}
_SENIORITY_WORDS = {1.0: "individual", 2.0: "manager", 3.0: "director", 4.0: "vice president", 5.0: "chief officer"}
_TRIAL_WORDS = {0.0: "none", 1.0: "signed up", 2.0: "started"}
_PRIORITY_WORDS = {0.0: "none open", 1.0: "low", 2.0: "normal", 3.0: "high", 4.0: "urgent"}

PHRASES: Mapping[str, Phrase] = {
    "page_views_7d": _count("page view", "page views", "in 7 days"),
    "pricing_visits_7d": _count("visit of a pricing page", "visits of pricing pages", "in 7 days"),
    "pricing_visits_30d": _count("visit of a pricing page", "visits of pricing pages", "in 30 days"),
    "content_downloads_30d": _count("download", "downloads", "in 30 days"),
    "distinct_pages_7d": _count("different page", "different pages", "in 7 days"),
    "email_opens_30d": _count("opened e-mail", "opened e-mails", "in 30 days"),
    "email_clicks_30d": _count("click in an e-mail", "clicks in e-mails", "in 30 days"),
    "email_clicks_per_open_30d": _score("number of clicks per opened e-mail"),
    "email_bounces_30d": _count("e-mail that came back", "e-mails that came back", "in 30 days"),
    "form_submissions_30d": _count("submitted form", "submitted forms", "in 30 days"),
    "form_submissions_ever": _count("submitted form", "submitted forms", "so far"),
    "days_since_last_activity": _days_since("activity"),
    "active_days_14d": _count("active day", "active days", "out of 14"),
    "active_streak_14d": _count("active day in a row", "active days in a row", ""),
    "activity_recency": _score("recency score"),
    "activity_frequency_28d": _share("frequency of active days"),
    "activity_intensity_28d": _score("number of acts per active day"),
    "activity_trend_4w": _trend("activity"),
    "product_sessions_7d": _count("product session", "product sessions", "in 7 days"),
    "product_sessions_30d": _count("product session", "product sessions", "in 30 days"),
    "feature_uses_7d": _count("use of a product feature", "uses of product features", "in 7 days"),
    "feature_uses_30d": _count("use of a product feature", "uses of product features", "in 30 days"),
    "feature_use_trend_4w": _trend("use of product features"),
    "trial_state": _worded("product trial", _TRIAL_WORDS),
    "open_tickets": _count("open support ticket", "open support tickets", ""),
    "tickets_30d": _count("support ticket", "support tickets", "in 30 days"),
    "worst_ticket_priority": _worded("worst priority of open tickets", _PRIORITY_WORDS),
    "meetings_30d": _count("meeting", "meetings", "in 30 days"),
    "calls_30d": _count("call", "calls", "in 30 days"),
    "lifecycle_stage": _worded("lifecycle stage", _STAGE_WORDS),
    "source_intent": _out_of("lead source intent", 5),
    "first_source_intent": _out_of("first lead source intent", 5),
    "campaign_intent": _out_of("campaign intent", 5),
    "seniority": _worded("seniority", _SENIORITY_WORDS),
    "company_size": _worded("company size", {bucket: f"{words} people" for bucket, words in _sizes().items()}),
    "industry_match": _flag("an industry we sell to", "an industry we do not sell to", "an unknown industry"),
    "technology_fit": _share("technology fit"),
    "email_consent": _flag("consent to e-mail", "withdrawn consent to e-mail", "an unknown consent to e-mail"),
    "account_active_people_30d": _count("active person at the account", "active people at the account", "in 30 days"),
    "account_page_views_7d": _count("page view at the account", "page views at the account", "in 7 days"),
    "account_open_opportunities": _count("open opportunity at the account", "open opportunities at the account", ""),
    "account_pipeline_amount": _worth("pipeline at the account"),
    "account_largest_deal": _worth("largest open deal at the account"),
    "account_pricing_visits_30d": _count(
        "visit of a pricing page at the account", "visits of pricing pages at the account", "in 30 days"
    ),
    "account_days_since_last_activity": _days_since("activity at the account"),
    "account_activity_trend_4w": _trend("activity at the account"),
}
