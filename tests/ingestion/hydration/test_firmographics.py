"""Companies that messages name are looked up once and within bounds, and what is found enters as any other event."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from features.activity import facts_of
from ingestion.allowance import Allowance
from ingestion.app import HYDRATION_GROUP
from ingestion.contracts.event import Event, EventType
from ingestion.contracts.raw import FETCHED_FOR, RAW_TOPICS
from ingestion.database import metadata, open_database
from ingestion.errors import FetchDelayed, SettingsError
from ingestion.hydration.companies_file import CompaniesFile
from ingestion.hydration.firmographics import COMPANY, FAILURES, Circuit, api_of
from ingestion.hydration.table import FAILED, WAITING
from ingestion.hydration.vendor import Wanted
from ingestion.kafka import group_lag
from ingestion.settings import HydrationSettings
from tests.conftest import wait_until
from tests.ingestion.hydration.test_worker import Hydration
from tests.ingestion.hydration.vendors import Reply, Vendors
from tests.ingestion.sources.samples import WEB_FORM
from tests.ingestion.test_worker import Stage

ACME = {"name": "Acme", "category": {"industry": "Software"}, "metrics": {"employees": 120}, "tech": ["Kafka"]}
PATH = "/v2/find"


class Lookup(Hydration):
    """A platform with a provider of firmographics, and nothing else that is fetched."""

    def provide(self, named: str, **more: Any) -> None:
        """Look companies up there."""
        given = {"firmographics": named, "connections": Path("none.toml"), "firmographics_per_second": 1000.0} | more
        self.settings = self.settings.model_copy(update=given)
        api = api_of(self.settings)
        assert api is not None
        self.owner = api.owner

    def by_http(self, **more: Any) -> None:
        """Look companies up at the vendors' address."""
        self.provide(f"{self.vendors.url}{PATH}?domain={{domain}}", firmographics_token=SecretStr("t0ken"), **more)

    def fill_in(self, *addresses: str) -> None:
        """People fill in a form."""
        for address in addresses:
            form = {"id": f"wf_{address}", "fields": {"email": address}, "anonymous_id": None}
            self.send("raw.marketing", "web-form", address, WEB_FORM | form)

    def is_read(self) -> bool:
        return not group_lag(self.stage.bootstrap, HYDRATION_GROUP, list(RAW_TOPICS))

    def is_settled(self) -> bool:
        return self.is_read() and not self.hydrations.count(self.owner, WAITING)

    def companies(self) -> list[Event]:
        """What was said of companies, after an ingestion worker has run."""
        events = [event for event in self.events() if isinstance(event, Event)]
        return [event for event in events if event.type is EventType.ACCOUNT_CHANGED]


@pytest.fixture
def lookup(empty_kafka: str, vendors: Vendors, tmp_path: Path) -> Iterator[Lookup]:
    url = f"sqlite:///{tmp_path}/leadline.db"
    stage = Stage(empty_kafka, url)
    yield Lookup(stage, vendors, tmp_path, url)
    stage.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/allowance.db")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_a_form_brings_its_company_s_firmographics_as_an_event_of_its_account(lookup: Lookup) -> None:
    lookup.vendors.says(PATH, Reply(body=ACME))
    lookup.by_http()
    lookup.fill_in("jo@eng.acme.com", "al@acme.com", "jo@gmail.com")
    lookup.settle()
    [asked] = lookup.vendors.asked
    assert (asked.query, asked.headers["authorization"]) == ({"domain": "acme.com"}, "Bearer t0ken")
    [record] = lookup.fetched()
    assert record.headers[FETCHED_FOR].startswith("raw.marketing/")
    assert msgspec.json.decode(record.value) == {"domain": "acme.com", "company": ACME}
    [company] = lookup.companies()
    people = {event.account for event in lookup.events() if isinstance(event, Event)} - {None}
    assert people == {company.account}, "it is the account of the people whose addresses named it"
    assert company.source == "/t/demo/firmographics/127.0.0.1"
    assert {word for _, word in facts_of(company).company} == {3.0, "software", "kafka"}


def test_a_company_is_asked_for_once_and_again_when_the_answer_is_too_old(lookup: Lookup) -> None:
    lookup.vendors.says(PATH, Reply(body=ACME))
    lookup.by_http()
    for _ in range(2):  # the second worker has only the table to know by
        lookup.fill_in("jo@acme.com")
        lookup.settle()
    assert len(lookup.vendors.asked) == 1
    lookup.by_http(firmographics_max_age_days=1e-9)
    lookup.fill_in("jo@acme.com")
    lookup.settle()
    assert len(lookup.vendors.asked) == 2


def test_that_nothing_is_known_of_a_domain_is_an_answer_and_no_failure(lookup: Lookup) -> None:
    lookup.by_http()
    for _ in range(2):
        lookup.fill_in("ada@ada-lovelace.org")
        lookup.settle()
    assert len(lookup.vendors.asked) == 1
    assert lookup.fetched() == []
    assert lookup.hydrations.count(lookup.owner, FAILED) == 0


def test_a_provider_that_fails_is_asked_again_and_one_that_refuses_is_listed(lookup: Lookup) -> None:
    lookup.vendors.says(PATH, Reply(503), Reply(body=b"<html>"), Reply(body=ACME))
    lookup.by_http()
    lookup.fill_in("jo@acme.com")
    lookup.settle()
    assert len(lookup.fetched()) == 1
    lookup.vendors.says(PATH, Reply(401))
    lookup.fill_in("jo@globex.com")
    lookup.settle()
    [failure] = lookup.hydrations.failures(10)
    assert (failure.object, failure.error) == ("globex.com", "status 401: the token is not valid: renew it")


def test_beyond_the_day_s_allowance_nobody_is_asked(lookup: Lookup) -> None:
    lookup.vendors.says(PATH, Reply(body=ACME))
    lookup.by_http(firmographics_daily=2)
    lookup.fill_in(*(f"jo@firm{number}.com" for number in range(5)))
    with lookup.working():
        wait_until(lambda: lookup.is_read() and len(lookup.fetched()) == 2, "two answers")
    assert len(lookup.vendors.asked) == 2
    assert lookup.hydrations.count(lookup.owner, WAITING) == 3


@pytest.mark.parametrize("kind", ["csv", "jsonl.gz", "parquet"])
def test_a_file_of_companies_is_a_provider_in_any_format(lookup: Lookup, tmp_path: Path, kind: str) -> None:
    lookup.provide(str(company_file(tmp_path, kind, employees=120)))
    lookup.fill_in("jo@acme.com", "al@globex.com")
    lookup.settle()
    [company] = lookup.companies()
    assert company.data.account is not None
    assert company.data.account.domain == "acme.com"
    assert {word for _, word in facts_of(company).company} == {3.0, "software", "kafka;snowflake"}


def company_file(folder: Path, kind: str, employees: int) -> Path:
    """A file with one company."""
    path = folder / f"companies.{kind}"
    row = {"website": "https://www.acme.com", "employees": employees, "industry": "Software", "tech": "Kafka;Snowflake"}
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    elif kind == "csv":
        path.write_text(f"{','.join(row)}\n{','.join(map(str, row.values()))}\n")
    else:
        path.write_bytes(gzip.compress(msgspec.json.encode(row) + b"\n"))
    return path


def test_a_file_that_has_changed_is_read_again_and_one_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    path = company_file(tmp_path, "csv", employees=7)

    async def look() -> list[bytes | None]:
        provider = CompaniesFile(path)
        before = await provider(Wanted(COMPANY, "acme.com"))
        company_file(tmp_path, "csv", employees=12_000)
        after = await provider(Wanted(COMPANY, "acme.com"))
        path.unlink()
        with pytest.raises(FetchDelayed, match="FileNotFoundError"):
            await provider(Wanted(COMPANY, "acme.com"))
        return [before, after]

    before, after = asyncio.run(look())
    assert before is not None
    assert after is not None
    assert (b'"7"' in before, b'"12000"' in after) == (True, True)


def test_after_failures_in_a_row_nobody_else_is_asked_until_one_question_is_answered() -> None:
    outcomes: list[Exception | bytes] = [
        *[FetchDelayed("status 503")] * (FAILURES + 1),
        b"{}",
        FetchDelayed("status 503"),
    ]

    async def asked(_: Wanted) -> bytes:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def throttled() -> list[bool | None]:
        circuit, found = Circuit(asked), list[bool | None]()
        while outcomes:
            try:
                await circuit(Wanted(COMPANY, "acme.com"))
                found.append(None)
            except FetchDelayed as delay:
                found.append(delay.throttled)
        return found

    assert asyncio.run(throttled()) == [*[False] * (FAILURES - 1), True, True, None, False]


def test_an_allowance_is_never_exceeded_however_many_take_at_once_and_is_new_every_day(engine: Engine) -> None:
    today = datetime(2026, 11, 21, 23, 59, tzinfo=UTC)
    allowances = [Allowance(engine, "test", 10, lambda: today) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        taken = sum(pool.map(lambda number: allowances[number % 4].take(), range(40)))
    assert taken == allowances[0].spent() == 10
    allowances[0].give_back(3)
    assert [allowances[1].take() for _ in range(4)] == [True, True, True, False]
    assert Allowance(engine, "another", 1, lambda: today).take()
    assert Allowance(engine, "test", 10, lambda: today.replace(day=22)).take()


@pytest.mark.parametrize(
    ("named", "told"),
    [("companies.csv", "no such file"), ("https://api.example.com/find", "write {domain}")],
)
def test_a_provider_that_cannot_be_asked_stops_the_start(named: str, told: str) -> None:
    settings = HydrationSettings.model_validate({"LEADLINE_FIRMOGRAPHICS": named})
    with pytest.raises(SettingsError, match=told):
        api_of(settings)
    assert api_of(HydrationSettings.model_validate({})) is None
