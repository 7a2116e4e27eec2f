"""A website's plain form: from the browser's request through the receiver to what the adapter makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from ingestion.contracts.event import AccountHint, Actor, Campaign, Consent, Draft, EventType
from ingestion.errors import SettingsError, Undecodable
from ingestion.receiver.connections import Connection, load_connections
from tests.ingestion.receiver.conftest import WEBSITE, RecordingOutlet, serving
from tests.ingestion.sources.reading import cookie, email

THANKS = f"{WEBSITE}/thanks"
BROWSER = {
    "origin": WEBSITE,
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "sec-fetch-mode": "navigate",
}
FIELDS = {
    "email": "jo@acme.com",
    "name": "Jo Doe",
    "company": "Acme",
    "message": "We want to replace our ERP",
    "form_id": "demo-request",
    "anonymous_id": "507f19",
    "utm_source": "google",
    "utm_medium": "cpc",
    "keyword": "erp replacement",
    "gclid": "EAIa1",
    "page_url": f"{WEBSITE}/demo?x=1",
    "consent": "on",
    "consent_purpose": "newsletter",
    "_token": "9f3c",
}


@pytest.fixture
def site(connections: dict[str, Connection], outlet: RecordingOutlet) -> Iterator[httpx2.Client]:
    """A receiver with a website that thanks its visitors and sets a trap for programs."""
    one = replace(connections["acme-web-form"], redirect=THANKS, honeypot="website2")
    with serving({one.name: one}, outlet) as url, httpx2.Client(base_url=url, trust_env=False) as client:
        yield client


def submit(site: httpx2.Client, fields: dict[str, str], **headers: str) -> httpx2.Response:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.post("/in/acme-web-form", data=fields, headers=BROWSER | more)


def test_a_plain_form_is_a_submission(site: httpx2.Client, outlet: RecordingOutlet) -> None:
    submit(site, FIELDS)
    draft = outlet.read_one()
    assert (draft.type, draft.actor, draft.test) == (EventType.LEAD_FORM_SUBMITTED, Actor.USER, False)
    assert draft.claims == (email("jo@acme.com", verified=False), cookie("507f19"))
    assert draft.account == AccountHint(name="Acme")
    assert draft.properties == {"form": "demo-request", "path": "/demo"}
    assert draft.campaign == Campaign("google", "cpc", term="erp replacement", click_ids={"gclid": "EAIa1"})
    assert draft.consent == Consent("newsletter", True)
    assert draft.private == {"email": "jo@acme.com", "name": "Jo Doe"}
    assert draft.text == "We want to replace our ERP"
    assert draft.time.isoformat() == outlet.kept[0][3]["received-time"]


def test_the_visitor_is_taken_to_the_page_of_thanks(site: httpx2.Client) -> None:
    answer = submit(site, FIELDS)
    assert (answer.status_code, answer.headers["location"]) == (303, THANKS)


def test_scripts_stay_where_they_are(site: httpx2.Client) -> None:
    assert submit(site, FIELDS, sec_fetch_mode="cors").status_code == 200
    submission = {"id": "wf_1", "form_id": "demo", "submitted_at": "2026-01-01T00:00:00Z", "fields": {}}
    assert site.post("/in/acme-web-form", json=submission, headers=BROWSER).status_code == 200


def test_nobody_is_thanked_for_what_was_not_stored(site: httpx2.Client, outlet: RecordingOutlet) -> None:
    outlet.down = True
    assert submit(site, FIELDS).status_code == 503


def test_a_double_click_is_one_submission_and_a_later_one_another(site: httpx2.Client, outlet: RecordingOutlet) -> None:
    for fields in (FIELDS, dict(reversed(FIELDS.items())), FIELDS | {"message": "And the CRM"}, FIELDS):
        submit(site, fields)
    for (*_, headers), received in zip(outlet.kept, ("10:00", "10:59", "10:59", "11:00"), strict=True):
        headers["received-time"] = f"2026-03-01T{received}:00+00:00"
    first, again, other, next_hour = (found.id for found in outlet.read() if isinstance(found, Draft))
    assert first == again
    assert len({first, other, next_hour}) == 3


def test_a_filled_honeypot_is_a_bot_that_is_kept(site: httpx2.Client, outlet: RecordingOutlet) -> None:
    assert submit(site, FIELDS | {"website2": "https://spam.example"}).status_code == 303
    assert submit(site, FIELDS | {"website2": ""}).status_code == 303
    caught, person = outlet.read()
    assert isinstance(caught, Draft)
    assert isinstance(person, Draft)
    assert (caught.actor, person.actor) == (Actor.BOT, Actor.USER)
    assert "spam.example" not in (caught.text or "")


def test_programs_that_name_themselves_are_bots(site: httpx2.Client, outlet: RecordingOutlet) -> None:
    submit(site, FIELDS, user_agent="curl/8.0")
    assert outlet.read_one().actor is Actor.BOT


@pytest.mark.parametrize(
    ("referer", "path"),
    [(f"{WEBSITE}/pricing?utm_source=x", "/pricing"), (f"{WEBSITE}/", None), ("https://[bad/", None), ("", None)],
)
def test_the_page_is_the_referer_where_the_form_does_not_say_it(
    site: httpx2.Client, outlet: RecordingOutlet, referer: str, path: str | None
) -> None:
    submit(site, {"email": "jo@acme.com"}, referer=referer)
    assert outlet.read_one().properties.get("path") == path


def test_a_form_without_any_of_our_fields_is_named_by_its_connection(
    site: httpx2.Client, outlet: RecordingOutlet
) -> None:
    submit(site, {"Email": "jo@acme.com", "How many seats?": "20"})
    draft = outlet.read_one()
    assert draft.properties == {"form": "acme-web-form"}
    assert (draft.consent, draft.campaign) == (None, None)
    assert draft.text == "How many seats?: 20"


def test_boxes_with_several_ticks_keep_them_all(site: httpx2.Client, outlet: RecordingOutlet) -> None:
    body = b"email=jo%40acme.com&interest%5B%5D=CRM&interest%5B%5D=ERP&size=1-50&size=51-200&consent=0&consent=1"
    site.post(
        "/in/acme-web-form", content=body, headers=BROWSER | {"content-type": "application/x-www-form-urlencoded"}
    )
    draft = outlet.read_one()
    assert draft.text == "interest: CRM, ERP\nsize: 1-50, 51-200"
    assert draft.consent == Consent("marketing", True)


@pytest.mark.parametrize(("sent", "granted"), [("on", True), ("yes", True), ("off", False), ("false", False)])
def test_consent_is_what_the_box_says(site: httpx2.Client, outlet: RecordingOutlet, sent: str, granted: bool) -> None:
    submit(site, {"email": "jo@acme.com", "consent": sent})
    assert outlet.read_one().consent == Consent("marketing", granted)


def test_forms_in_parts_are_read_and_files_left_out(site: httpx2.Client, outlet: RecordingOutlet) -> None:
    files = {"cv": ("cv.txt", b"twenty years of ERP", "text/plain")}
    answer = site.post(
        "/in/acme-web-form", data=FIELDS | {"message": "Zeile 1\r\nZeile 2 ü"}, files=files, headers=BROWSER
    )
    assert answer.status_code == 303
    draft = outlet.read_one()
    assert draft.claims[0] == email("jo@acme.com", verified=False)
    assert draft.text == "Zeile 1\r\nZeile 2 ü"


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n1\r\n--b--\r\n"),
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"email=%ff"),
        ("text/plain", b"email=jo@acme.com"),
    ],
)
def test_what_is_no_form_is_set_aside_with_a_reason(
    site: httpx2.Client, outlet: RecordingOutlet, media: str, body: bytes
) -> None:
    site.post("/in/acme-web-form", content=body, headers=BROWSER | {"content-type": media})
    [reason] = outlet.read()
    assert isinstance(reason, Undecodable)
    assert "the adapter failed" not in str(reason)
    assert "jo@acme.com" not in str(reason)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ('redirect = "https://evil.example/thanks"', "redirect is not on one of the connection's origins"),
        ('redirect = "https://www.acme.com.evil.example/"', "redirect is not on one of the connection's origins"),
        ('redirect = "/thanks"', "redirect is not on one of the connection's origins"),
        ('honeypot = ""', "honeypot"),
    ],
)
def test_wrong_options_of_a_form_are_named_at_the_start(tmp_path: Path, options: str, complaint: str) -> None:
    path = tmp_path / "connections.toml"
    path.write_text(f'[site]\nsender = "web-form"\norigins = ["{WEBSITE}"]\n{options}\n')
    with pytest.raises(SettingsError, match=f"connection site: .*{complaint}"):
        load_connections(path, {})


def test_options_of_forms_belong_to_forms(tmp_path: Path) -> None:
    path = tmp_path / "connections.toml"
    path.write_text('[crm]\nsender = "zendesk"\nsecrets = ["env:S"]\nhoneypot = "website2"\n')
    with pytest.raises(SettingsError, match="options of web-form, not zendesk"):
        load_connections(path, {"S": "secret"})


def test_an_origin_with_a_path_would_match_no_browser_and_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "connections.toml"
    path.write_text(f'[site]\nsender = "web-form"\norigins = ["{WEBSITE}/"]\n')
    with pytest.raises(SettingsError, match=r"connection site: origins\.0"):
        load_connections(path, {})
