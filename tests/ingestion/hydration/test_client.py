"""One question to a vendor's API: the answer's bytes, a reason to ask later, or a reason not to ask again."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest

from ingestion.errors import FetchDelayed, FetchRefused, SettingsError
from ingestion.hydration.apis import Api, Owner, load_apis
from ingestion.hydration.client import ask, client_for
from ingestion.hydration.vendor import Wanted
from ingestion.receiver.connections import load_connections
from tests.conftest import free_port
from tests.ingestion.hydration.conftest import SENDERS, TOKENS, write_connections
from tests.ingestion.hydration.vendors import OBJECTS, Reply, Vendors, listening

LEAD = Wanted("lead", "1459076748710713")
LEAD_PATH = "/v23.0/1459076748710713"
CONTACT = Wanted("contact", "173595202426", "50687303")
CONTACT_PATH = "/crm/objects/2026-03/contacts/173595202426"


def fetch(api: Api, about: Wanted, seconds: float = 10) -> bytes:
    async def once() -> bytes:
        async with client_for(1) as client:
            return await ask(client, api, about, seconds=seconds)

    return asyncio.run(once())


@pytest.fixture
def meta(apis: dict[Owner, Api]) -> Api:
    return apis["meta-lead-ads", "northlight"]


@pytest.fixture
def hubspot(apis: dict[Owner, Api]) -> Api:
    return apis["hubspot", "northlight"]


def test_lead_is_asked_for_with_its_fields_and_the_token_in_a_header(meta: Api, vendors: Vendors) -> None:
    assert msgspec.json.decode(fetch(meta, LEAD)) == OBJECTS[LEAD_PATH]
    [asked] = vendors.asked
    assert asked.path == LEAD_PATH
    assert asked.query == {"fields": "id,created_time,ad_id,form_id,campaign_id,campaign_name,field_data"}
    assert asked.headers["authorization"] == "Bearer meta-page-token"


def test_token_is_read_anew_for_each_question(vendors: Vendors, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    path = tmp_path / "connections.toml"
    path.write_text(
        f'[acme]\nsender = "meta-lead-ads"\n[acme.fetch]\ntoken = "file:{token}"\nbase_url = "{vendors.url}/"\n'
    )
    api = load_apis(path, {})["meta-lead-ads", "default"]
    fetch(api, LEAD)
    token.write_text("second\n")
    fetch(api, LEAD)
    token.unlink()
    with pytest.raises(FetchDelayed, match="is missing or empty"):
        fetch(api, LEAD)
    assert [one.headers["authorization"] for one in vendors.asked] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("reply", "after", "throttled"),
    [
        (Reply(429, {}, {"Retry-After": "7"}), 7.0, True),
        (Reply(429, {}), None, True),
        (Reply(429, {}, {"Retry-After": "999999999"}), 86_400.0, True),
        (Reply(429, {}, {"Retry-After": "soon"}), None, True),
        (Reply(500, b"<html>"), None, False),
        (Reply(503, {}, {"Retry-After": "2"}), 2.0, False),
        (Reply(408, {}), None, False),
        (Reply(200, b"{"), None, False),
        (Reply(200, b"[1]"), None, False),
        (Reply(200, b'{"name": "\xff"}'), None, False),
        (Reply(200, b"[" * 100_000), None, False),
        (Reply(200, b"<html>please log in</html>"), None, False),
        (Reply(200, b"{}", {"Content-Encoding": "gzip"}), None, False),
        (Reply(200, b"{}", {"Content-Length": "100", "Connection": "close"}), None, False),
    ],
)
def test_api_that_is_busy_or_broken_is_asked_later(
    meta: Api, vendors: Vendors, reply: Reply, after: float | None, throttled: bool
) -> None:
    vendors.says(LEAD_PATH, reply)
    with pytest.raises(FetchDelayed) as delayed:
        fetch(meta, LEAD, seconds=2)
    assert (delayed.value.after, delayed.value.throttled) == (after, throttled)


def test_retry_after_may_be_a_date(meta: Api, vendors: Vendors) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    vendors.says(LEAD_PATH, Reply(503, {}, {"Retry-After": at}))
    with pytest.raises(FetchDelayed) as delayed:
        fetch(meta, LEAD)
    assert 50 < (delayed.value.after or 0) <= 60


@pytest.mark.parametrize(
    ("system", "path", "about", "reply"),
    [
        ("meta-lead-ads", LEAD_PATH, LEAD, Reply(400, {"error": {"message": "User request limit", "code": 17}})),
        ("meta-lead-ads", LEAD_PATH, LEAD, Reply(403, {"error": {"code": 80005}})),
        (
            "salesforce",
            "/services/data/v60.0/sobjects/Lead/00Q5f000005bwLFEAY",
            Wanted("Lead", "00Q5f000005bwLFEAY"),
            Reply(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]),
        ),
    ],
)
def test_vendors_own_word_for_too_many_requests_slows_us_down(
    apis: dict[Owner, Api], vendors: Vendors, system: str, path: str, about: Wanted, reply: Reply
) -> None:
    vendors.says(path, reply)
    with pytest.raises(FetchDelayed) as delayed:
        fetch(apis[system, "northlight"], about)
    assert delayed.value.throttled


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(404, {"category": "OBJECT_NOT_FOUND"}), "status 404, code 'OBJECT_NOT_FOUND': the vendor has no such"),
        (Reply(401, {"category": "EXPIRED_AUTHENTICATION"}), "status 401, code 'EXPIRED_AUTHENTICATION': the token is"),
        (Reply(403, {"category": "MISSING_SCOPES"}), "status 403, code 'MISSING_SCOPES': the token may not read this"),
        (Reply(400, {"message": "jo@acme.com is no id"}), "status 400: the vendor does not take the request"),
        (
            Reply(400, {"category": "jo@acme.com"}),
            "status 400, code 11 characters: the vendor does not",
        ),
        (Reply(204, b""), "status 204"),
        (Reply(200, b"{" + b" " * 900_000 + b"}"), "larger than"),
    ],
)
def test_what_will_not_come_is_not_asked_for_again(hubspot: Api, vendors: Vendors, reply: Reply, reason: str) -> None:
    vendors.says(CONTACT_PATH, reply)
    with pytest.raises(FetchRefused) as refused:
        fetch(hubspot, CONTACT)
    assert reason in str(refused.value)
    assert "jo@acme" not in str(refused.value)


def test_redirect_is_not_followed_and_the_token_goes_nowhere_else(hubspot: Api, vendors: Vendors) -> None:
    with listening() as elsewhere:
        vendors.says(CONTACT_PATH, Reply(302, b"", {"Location": f"{elsewhere.url}/steal"}))
        with pytest.raises(FetchRefused, match=r"set fetch\.base_url to where the API is now"):
            fetch(hubspot, CONTACT)
        assert elsewhere.asked == []


@pytest.mark.parametrize("reply", [Reply(drip=True), Reply(until=threading.Event())])
def test_answer_that_does_not_end_is_given_up(meta: Api, vendors: Vendors, reply: Reply) -> None:
    vendors.says(LEAD_PATH, reply)
    with pytest.raises(FetchDelayed, match="no whole answer within"):
        fetch(meta, LEAD, seconds=0.3)
    if reply.until is not None:
        reply.until.set()


def test_api_that_is_not_there_is_asked_later(tmp_path: Path) -> None:
    path = write_connections(tmp_path / "connections.toml", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(FetchDelayed, match="no answer: ConnectError"):
        fetch(load_apis(path, TOKENS)["meta-lead-ads", "northlight"], LEAD)


@pytest.mark.parametrize(
    ("table", "fetch_table", "named"),
    [
        ('sender = "hubspot"', 'token = "pat-eu1-secret"', "fetch.token: String should match pattern"),
        ('sender = "hubspot"', 'token = "env:NOBODY"', "env:NOBODY is missing or empty"),
        (
            'sender = "sendgrid"',
            'token = "env:T"',
            "fetch is for hubspot, meta-lead-ads, salesforce, zendesk, not",
        ),
        ('sender = "zendesk"', 'token = "env:T"', "fetch.base_url is missing"),
        (
            'sender = "zendesk"',
            'token = "env:T"\nbase_url = "http://acme.zendesk.com"',
            "fetch.base_url: String should",
        ),
        ('sender = "zendesk"', 'token = "env:T"\nbase_url = "https://a@b.com"', "fetch.base_url: String should"),
        ('sender = "zendesk"', 'token = "env:T"\nbase_url = "file:///etc/passwd"', "fetch.base_url: String should"),
        ('sender = "zendesk"', 'token = "env:T"\nbase_url = "https://[::1"', "fetch.base_url: "),
        ('sender = "zendesk"', 'token = "env:T"\nbase_url = "https://acme:port"', "fetch.base_url: "),
        ('sender = "hubspot"', 'token = "env:BROKEN"', "fetch.token has characters that no token has; copy it again"),
        ('sender = "hubspot"', 'token = "env:T"\nversion = "../v3"', "fetch.version: String should match"),
        ('sender = "hubspot"', 'token = "env:T"\nrequests_per_second = 0', "fetch.requests_per_second"),
    ],
)
def test_wrong_fetch_table_is_named_without_its_secret(
    tmp_path: Path, table: str, fetch_table: str, named: str
) -> None:
    path = tmp_path / "connections.toml"
    path.write_text(f"[acme]\n{table}\n[acme.fetch]\n{fetch_table}\n")
    with pytest.raises(SettingsError) as error:
        load_apis(path, {"T": "secret", "BROKEN": "sécret\n"})
    assert named in str(error.value)
    assert "secret" not in str(error.value).replace(str(tmp_path), "")


def test_connections_that_fetch_nothing_stop_the_start(tmp_path: Path) -> None:
    path = tmp_path / "connections.toml"
    path.write_text('[acme]\nsender = "hubspot"\nsecrets = ["env:S"]\n')
    with pytest.raises(SettingsError, match="no connection has a fetch table"):
        load_apis(path, {})


def test_receiver_needs_no_token(tmp_path: Path) -> None:
    path = write_connections(tmp_path / "connections.toml", "https://vendor.example")
    assert load_connections(path, {"UNSET": "webhook-secret"}).keys() == {f"acme-{sender}" for sender in SENDERS}


def test_two_apis_of_one_account_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "connections.toml"
    path.write_text("".join(f'[{name}]\nsender = "hubspot"\nfetch.token = "env:T"\n' for name in ("a", "b")))
    with pytest.raises(SettingsError, match="connections a and b both fetch for account default: keep one"):
        load_apis(path, {"T": "x"})
