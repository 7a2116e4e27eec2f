"""Reads one text safely: prepared before, bounded and masked after, whoever reads.

Invariant: a text that instructs its reader is never shown to a model, and a model's score stays within `reach`
points of what the open rubric says, so that an injected answer moves a score by a known amount at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from scoring.enrichment import injection
from scoring.enrichment.chain import Answer, Chain
from scoring.enrichment.preparation import mask, prepare
from scoring.enrichment.reading import REASONING_CHARACTERS, SIGNAL_CHARACTERS, Reading
from scoring.enrichment.rubric import NAME, Rubric

REACH = 40.0  # points; the policy's disagreement edge
INJECTION = "the text tries to instruct its reader"
CAPPED_CONFIDENCE = 0.3


class Reader:
    """The whole way from a stranger's words to a reading that may be stored."""

    def __init__(self, chain: Chain, reach: float = REACH) -> None:
        self._chain = chain
        self._rubric = Rubric()
        self._reach = reach

    @property
    def is_local(self) -> bool:
        """Whether reading is immediate and free."""
        return self._chain.is_local

    async def read(self, text: str, private: Mapping[str, str]) -> Answer:
        """The reading of `text`; `private` are the writer's known values, masked before and after.

        Raises:
            NoReading: every provider failed.
        """
        known = tuple(private.values())
        prepared = prepare(text, known)
        if injection.speaks_to_reader(prepared):
            return Answer(self._of_injection(prepared), NAME, self._rubric.prompt_version, cached=False)
        answer = await self._chain.read(prepared, sha256(prepared.encode()).hexdigest())
        if answer.provider == NAME:
            return answer
        return Answer(
            self._bounded(answer.reading, prepared, known), answer.provider, answer.prompt_version, answer.cached
        )

    def _of_injection(self, prepared: str) -> Reading:
        """The rubric's reading of the sentences that do not instruct, never above the middle."""
        honest = self._rubric.judge(injection.without_orders(prepared))
        return honest.model_copy(
            update={
                "score": min(honest.score, 50.0),
                "confidence": CAPPED_CONFIDENCE,
                "objection_risks": [INJECTION, *honest.objection_risks][:5],
                "reasoning": f"Capped: {INJECTION}. {honest.reasoning}",
            }
        )

    def _bounded(self, reading: Reading, prepared: str, private: tuple[str, ...]) -> Reading:
        anchor = self._rubric.judge(prepared).score
        score = min(max(reading.score, anchor - self._reach), anchor + self._reach)

        def clean(words: str, limit: int) -> str:
            return mask(prepare(words), private)[:limit]

        return reading.model_copy(
            update={
                "score": min(max(score, 0.0), 100.0),
                "confidence": reading.confidence
                if score == reading.score
                else min(reading.confidence, CAPPED_CONFIDENCE),
                "reasoning": clean(reading.reasoning, REASONING_CHARACTERS),
                "buying_signals": [clean(signal, SIGNAL_CHARACTERS) for signal in reading.buying_signals],
                "objection_risks": [clean(risk, SIGNAL_CHARACTERS) for risk in reading.objection_risks],
            }
        )
