"""Asks the providers in order until one is sure enough."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from scoring.enrichment.cache import ReadingCache
from scoring.enrichment.provider import Provider
from scoring.enrichment.reading import Reading
from scoring.enrichment.rubric import Rubric
from scoring.errors import NextProvider, NoReading

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reading and who gave it."""

    reading: Reading
    provider: str
    prompt_version: str
    cached: bool


class Chain:
    """Providers in order of preference behind one call."""

    def __init__(self, providers: Sequence[Provider], cache: ReadingCache, minimum_confidence: float) -> None:
        """`minimum_confidence` (0–1): an answer below it sends the text to the next provider."""
        if not providers:
            raise ValueError("a chain needs at least one provider; the local rubric is always one")
        self._providers = tuple(providers)
        self._cache = cache
        self._minimum = minimum_confidence

    @property
    def is_local(self) -> bool:
        """Whether the local rubric is the only provider."""
        return all(isinstance(provider, Rubric) for provider in self._providers)

    async def read(self, text: str, text_hash: str) -> Answer:
        """The first sure answer, else the surest of the unsure ones.

        Raises:
            NoReading: every provider failed; each reason is named.
        """
        unsure: list[Answer] = []
        failures: list[str] = []
        for provider in self._providers:
            try:
                answer = await self._ask(provider, text, text_hash)
            except NextProvider as error:
                log.warning("provider %s did not read: %s", provider.name, error)
                failures.append(f"{provider.name}: {error}")
                continue
            if answer.reading.confidence >= self._minimum:
                return answer
            unsure.append(answer)
        if not unsure:
            raise NoReading(f"no provider could read the text ({'; '.join(failures)}); scores go on without it")
        return max(unsure, key=lambda answer: answer.reading.confidence)

    async def _ask(self, provider: Provider, text: str, text_hash: str) -> Answer:
        known = self._cache.get(provider, text_hash)
        if known is not None:
            return Answer(known, provider.name, provider.prompt_version, cached=True)
        fresh = await provider.read(text)
        self._cache.put(provider, text_hash, fresh)
        return Answer(fresh, provider.name, provider.prompt_version, cached=False)
