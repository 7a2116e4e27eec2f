"""Providers of firmographics: who is asked about a company by its domain, and what an answer may cost.

A provider makes of what is wanted the bytes of a JSON object, or None where it knows no such company; what it says
enters as a raw message like any other (ADR 27). The table of hydrations is the cache: an answer, also that nothing is
known, counts until it is too old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Engine

from ingestion.allowance import Allowance
from ingestion.errors import FetchDelayed, FetchRefused, SettingsError
from ingestion.hydration.apis import Api
from ingestion.hydration.companies_file import CompaniesFile
from ingestion.hydration.vendor import Vendor, Wanted, bearer
from ingestion.receiver.limits import Bucket
from ingestion.settings import HydrationSettings
from ingestion.sources.firmographics import SOURCE

Provider = Callable[[Wanted], Awaitable[bytes | None]]

COMPANY = "company"
DOMAIN = "{domain}"  # in the provider's address
FAILURES = 5  # in a row, then nothing is asked for a while
_HTTP = ("http://", "https://")


def api_of(settings: HydrationSettings) -> Api | None:
    """The provider that the settings name, as hydration knows an API; None if they name none.

    Raises:
        SettingsError: it is neither a file that is there nor an address with `{domain}` in it.
    """
    named = settings.firmographics
    if not named:
        return None
    if not named.startswith(_HTTP):
        if not Path(named).is_file():
            raise SettingsError(
                f"LEADLINE_FIRMOGRAPHICS={named}: there is no such file; name one, or an https:// address"
            )
        return _api(settings, "file", "", {}, rate=1e6)
    address = urlsplit(named)
    if DOMAIN not in f"{address.path}?{address.query}" or not address.hostname:
        raise SettingsError(f"LEADLINE_FIRMOGRAPHICS names {address.hostname}; write {DOMAIN} where the domain belongs")
    base = f"{address.scheme}://{address.netloc}{address.path}"
    return _api(settings, address.hostname, base, dict(parse_qsl(address.query)), settings.firmographics_per_second)


def _api(settings: HydrationSettings, account: str, address: str, query: Mapping[str, str], rate: float) -> Api:
    def request(about: Wanted, _: str) -> tuple[str, Mapping[str, str]]:
        filled = {name: value.replace(DOMAIN, about.id) for name, value in query.items()}
        return address.replace(DOMAIN, about.id), filled

    return Api(
        name=SOURCE.system,
        vendor=Vendor(SOURCE.system, "", "", lambda _: (), request, _wrap, _authorize),
        account=account,
        base_url="",  # `request` gives whole addresses
        version="",
        token=settings.firmographics_token.get_secret_value,
        bucket=Bucket(rate, max(1, int(rate))),
        max_age=timedelta(days=settings.firmographics_max_age_days),
    )


def _wrap(about: Wanted, answer: bytes) -> bytes:
    return b'{"domain":"%b","company":%b}' % (about.id.encode(), answer)


def _authorize(token: str) -> str:
    return bearer(token).strip()  # a provider of one's own may want none


def provider_of(settings: HydrationSettings, by_http: Callable[[Wanted], Awaitable[bytes]], engine: Engine) -> Provider:
    """How to ask: a file at will, an address `by_http`, within the day's allowance and not while it fails."""
    if not settings.firmographics.startswith(_HTTP):
        return CompaniesFile(Path(settings.firmographics))
    allowance = Allowance(engine, SOURCE.system, settings.firmographics_daily, lambda: datetime.now(UTC))
    return Spending(Circuit(Known(by_http)), allowance)


class Known:
    """A provider that says in its own way that it knows no such company: status 404."""

    def __init__(self, asked: Callable[[Wanted], Awaitable[bytes]]) -> None:
        self._asked = asked

    async def __call__(self, about: Wanted) -> bytes | None:
        """The answer. Raises what the provider raises."""
        try:
            return await self._asked(about)
        except FetchRefused as refusal:
            if refusal.missing:
                return None
            raise


class Circuit:
    """Opens after `FAILURES` in a row: then nobody is asked for a while that grows, and one question tries again."""

    def __init__(self, asked: Provider) -> None:
        self._asked = asked
        self._failed = 0

    async def __call__(self, about: Wanted) -> bytes | None:
        """The answer. Raises what the provider raises; `FetchDelayed` as throttled while the circuit is open."""
        try:
            answer = await self._asked(about)
        except FetchDelayed as delay:
            self._failed += 1
            if self._failed < FAILURES:
                raise
            told = f"{delay}; {self._failed} failures in a row"
            raise FetchDelayed(told, after=delay.after, throttled=True) from None
        except FetchRefused:
            self._failed = 0
            raise
        self._failed = 0
        return answer


class Spending:
    """A provider that may be asked so often a day."""

    def __init__(self, asked: Provider, allowance: Allowance) -> None:
        self._asked = asked
        self._allowance = allowance

    async def __call__(self, about: Wanted) -> bytes | None:
        """The answer. Raises what the provider raises, and `FetchDelayed` until midnight UTC."""
        if not await asyncio.to_thread(self._allowance.take):
            now = datetime.now(UTC)
            midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            told = f"today's {self._allowance.daily} questions are asked: raise LEADLINE_FIRMOGRAPHICS_DAILY or wait"
            raise FetchDelayed(told, after=(midnight - now).total_seconds(), throttled=True)
        return await self._asked(about)
