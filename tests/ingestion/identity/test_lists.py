"""The packaged lists, what an operator's files change in them, and that a change leaves what was said alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.contracts.event import AccountHint, Claim, IdentifierType
from ingestion.errors import SettingsError
from ingestion.identity.accounts import AccountRule, hinted_accounts
from ingestion.identity.domains import registrable_domain
from ingestion.identity.lists import Lists, load_lists, packaged_lists
from ingestion.identity.normalise import normalise

LISTS = packaged_lists()
TEMPLATES = Path(__file__).parents[3] / "deploy" / "identity-lists"


def loaded(folder: Path, **files: str) -> Lists:
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content)
    return load_lists(folder)


@pytest.mark.parametrize("local", ["info", "Sales", "no-reply", "support+eu"])
def test_an_address_of_a_role_is_several_people_s(local: str) -> None:
    claim = normalise(Claim(IdentifierType.EMAIL, f"{local}@acme.com"))
    assert claim is not None
    assert LISTS.is_role(claim.value)


@pytest.mark.parametrize("domain", ["gmail.com", "mail.yahoo.co.uk", "web.de", "tuta.com", "shaw.ca", "mailinator.com"])
def test_mail_providers_are_nobodys_company(domain: str) -> None:
    assert LISTS.business_domain(domain) is None


def test_a_company_is_its_registrable_domain() -> None:
    assert LISTS.business_domain("www.Mail.acme.co.uk") == "acme.co.uk"
    assert LISTS.business_domain("co.uk") is None


def test_throw_away_domains_are_recognised() -> None:
    assert LISTS.is_disposable("mailinator.com")
    assert not LISTS.is_disposable("acme.com")


def test_a_company_name_alone_resolves_to_nothing() -> None:
    assert hinted_accounts(AccountHint(name="Acme"), LISTS) == []
    assert hinted_accounts(AccountHint(domain="gmail.com", crm_id="hubspot:1:company:7"), LISTS) == [
        (AccountRule.CRM_ACCOUNT, "crm:hubspot:1:company:7")
    ]


def test_lists_hold_normalised_entries() -> None:
    assert {"info", "sales", "noreply"} <= LISTS.roles
    assert all(entry == entry.strip().lower() for entry in LISTS.roles | LISTS.disposable | LISTS.free_mail)
    assert {"gmail.com", "tuta.com"} <= {domain for domain in LISTS.free_mail if registrable_domain(domain) == domain}


def test_files_add_to_the_lists_and_take_from_them(tmp_path: Path) -> None:
    changed = loaded(
        tmp_path,
        role_mailboxes="# ours\n\nFrontOffice   # at the desk\n-board\n",
        disposable_domains="Trash.Example\n- mailinator.com",
        free_mail_domains="stadt-köln.example\n-hey.com\n",
    )
    assert changed.is_role("frontoffice@acme.com")
    assert not changed.is_role("board@acme.com")
    assert changed.is_disposable("mx.trash.example")
    assert not changed.is_disposable("mailinator.com")
    assert changed.business_domain("mail.stadt-köln.example") is None
    assert changed.business_domain("hey.com") == "hey.com"
    assert changed.digest != LISTS.digest


def test_the_files_that_come_with_leadline_change_nothing() -> None:
    assert load_lists(TEMPLATES) == LISTS == load_lists(None)
    assert load_lists(TEMPLATES).digest == LISTS.digest


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"role_mailboxes": "ok\njo@acme.com\n"}, r"role_mailboxes.txt, line 2: got 'jo@acme.com', expected the part"),
        ({"role_mailboxes": "-\n"}, "line 1: got '-'"),
        ({"disposable_domains": "localhost\n"}, r"disposable_domains.txt, line 1: got 'localhost', expected a domain"),
        ({"free_mail_domains": "#\n\nmail.acme.com\n"}, r"line 3: got 'mail.acme.com', expected a registrable domain"),
        ({"free_mail": "acme.com\n"}, r"free_mail.txt: no list is called so; expected role_mailboxes.txt"),
    ],
)
def test_what_is_wrong_stops_the_start_and_is_named(tmp_path: Path, files: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        loaded(tmp_path, **files)


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no folder"):
        load_lists(tmp_path / "lists")
    (tmp_path / "role_mailboxes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_lists(tmp_path)
