"""Builds the reader that the settings describe."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import Engine

from ingestion.errors import SettingsError
from scoring.enrichment import prompt
from scoring.enrichment.budget import Budget
from scoring.enrichment.cache import ReadingCache
from scoring.enrichment.chain import Chain
from scoring.enrichment.openai_compatible import Endpoint, OpenAICompatible
from scoring.enrichment.provider import Provider
from scoring.enrichment.reader import Reader
from scoring.enrichment.rubric import Rubric
from scoring.settings import ScoringSettings, items

_PRICES = (1.0, 4.0)  # dollars per million tokens, in and out, where none is given


def build_reader(settings: ScoringSettings, engine: Engine, clock: Callable[[], datetime]) -> Reader:
    """The chain of the configured endpoints, in order; the local rubric if there is none.

    Raises:
        SettingsError: models, keys or prices do not fit the URLs.
        PromptError: there is no such prompt version.
    """
    providers: list[Provider] = [Rubric()]
    endpoints = endpoints_of(settings)
    if endpoints:
        budget = Budget(engine, settings.reader_daily_dollars, clock)
        chosen = prompt.load(settings.prompt_version)
        providers = [OpenAICompatible(endpoint, chosen, budget) for endpoint in endpoints]
    return Reader(Chain(providers, ReadingCache(engine, clock), settings.reader_min_confidence))


def endpoints_of(settings: ScoringSettings) -> list[Endpoint]:
    """The configured endpoints, named by place.

    Raises:
        SettingsError: models, keys or prices do not fit the URLs.
    """
    urls = items(settings.reader_urls)
    models = items(settings.reader_models)
    keys = items(settings.reader_keys.get_secret_value()) or [""] * len(urls)
    prices = items(settings.reader_prices)
    if len(models) != len(urls) or len(keys) != len(urls) or len(prices) not in (0, len(urls)):
        raise SettingsError(
            f"LEADLINE_READER_URLS names {len(urls)} endpoint(s), so LEADLINE_READER_MODELS needs as many models, and "
            "LEADLINE_READER_KEYS and LEADLINE_READER_PRICES as many entries or none"
        )
    costs = [_price(price) for price in prices] or [_PRICES] * len(urls)
    return [
        Endpoint(
            name=f"reader-{place}",
            base_url=url,
            model=model,
            key=SecretStr(key),
            timeout_seconds=settings.reader_timeout_seconds,
            input_price=cost[0],
            output_price=cost[1],
        )
        for place, (url, model, key, cost) in enumerate(zip(urls, models, keys, costs, strict=True), 1)
    ]


def _price(text: str) -> tuple[float, float]:
    try:
        paid_in, paid_out = (float(part) for part in text.split("/"))
    except ValueError:
        raise SettingsError(f"LEADLINE_READER_PRICES holds {text!r}, expected input/output such as 0.15/0.60") from None
    return paid_in, paid_out
