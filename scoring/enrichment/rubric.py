"""Reads by keyword where no language model is configured: open, deterministic, obeys nobody.

Every reading is labelled `local-rubric`, so that nobody takes it for a model's. Score: the base of the strongest
intent found, +8 for urgency, +5 for each of budget, authority and size (at most +10), −8 an objection (at most −24);
a refusal or a non-buyer is 10. Confidence: 0.35 + 0.1 a signal, at most 0.7: words are not understanding.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from scoring.enrichment.reading import Fit, Intent, Reading, Sentiment, Step, Urgency

NAME = "local-rubric"
RUBRIC = Path(__file__).parent / "rubrics" / "1.json"

_BASE = {Intent.READY_TO_BUY: 78.0, Intent.COMPARING: 62.0, Intent.RESEARCHING: 48.0, Intent.NONE: 35.0}

_NEGATION = re.compile(
    r"(\b(not|no|never|without|don'?t|doesn'?t|isn'?t|aren'?t|won'?t|kein\w*|nicht|pas|sans|sin|não|sem|non|nunca)\b"
    r"|नहीं)\W+(\w+\W+){0,2}$",
    re.I,
)


class _Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    notes: str
    phrases: dict[str, list[str]]


class Rubric:
    """The local reader; needs nothing and never fails."""

    name = NAME

    def __init__(self, phrases: Path = RUBRIC) -> None:
        rubric = msgspec.json.decode(phrases.read_bytes(), type=_Phrases)
        self.prompt_version = f"rubric/{rubric.version}"
        self._patterns = {
            name: re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.I) for name, words in rubric.phrases.items()
        }

    async def read(self, text: str) -> Reading:
        """The reading of a prepared text; immediate."""
        return self.judge(text)

    def judge(self, text: str) -> Reading:
        """The reading of a prepared text; pure, takes about a millisecond a page."""
        found = {name: self._count(name, text) for name in self._patterns}
        if found["refusal"]:
            return self._refusal(found)
        intent = (
            Intent.READY_TO_BUY
            if found["ready"]
            else Intent.COMPARING
            if found["comparing"]
            else Intent.RESEARCHING
            if found["researching"]
            else Intent.NONE
        )
        strengths = [name for name in ("budget", "authority", "size") if found[name]]
        objections = min(found["objection"], 3)
        score = _BASE[intent] + 8 * bool(found["urgent"]) + min(5 * len(strengths), 10) - 8 * objections
        signals = [name for name in ("ready", "comparing", "researching", "urgent", *strengths) if found[name]]
        return Reading(
            intent=intent,
            icp_fit=Fit.PARTIAL if strengths else Fit.UNKNOWN,
            sentiment=Sentiment.NEGATIVE
            if objections
            else Sentiment.POSITIVE
            if found["positive"]
            else Sentiment.NEUTRAL,
            urgency=Urgency.HIGH if found["urgent"] else Urgency.LOW if intent is not Intent.NONE else Urgency.NONE,
            next_step=Step.IMMEDIATE_CALL if intent is Intent.READY_TO_BUY and not objections else Step.NURTURE,
            buying_signals=[f"words of {name}" for name in signals[:5]],
            objection_risks=["words of objection"] if objections else [],
            reasoning=self._sentence(intent, signals, objections),
            score=min(max(score, 0.0), 100.0),
            confidence=min(0.35 + 0.1 * (len(signals) + objections), 0.7),
        )

    def _count(self, name: str, text: str) -> int:
        """Matches that no negation stands before; a refusal carries its own."""
        matches = self._patterns[name].finditer(text)
        return sum(
            name == "refusal" or not _NEGATION.search(text[max(0, match.start() - 40) : match.start()])
            for match in matches
        )

    @staticmethod
    def _refusal(found: dict[str, int]) -> Reading:
        return Reading(
            intent=Intent.NONE,
            icp_fit=Fit.WEAK,
            sentiment=Sentiment.NEGATIVE,
            urgency=Urgency.NONE,
            next_step=Step.DISQUALIFY,
            buying_signals=[],
            objection_risks=["words of refusal or of a non-buyer"],
            reasoning="Keywords of a refusal or of somebody who does not buy were found. Read by rule, not by a model.",
            score=10.0,
            confidence=min(0.5 + 0.1 * found["refusal"], 0.7),
        )

    @staticmethod
    def _sentence(intent: Intent, signals: list[str], objections: int) -> str:
        if not signals and not objections:
            return "No keyword of intent or objection was found. Read by rule, not by a model."
        words = f"Keywords of {', '.join(signals)} were found" if signals else "No keyword of intent was found"
        doubt = f", and {objections} of objection" if objections else ""
        return f"{words}{doubt}; the intent is taken as {intent.value.replace('_', ' ')}. Read by rule, not by a model."
