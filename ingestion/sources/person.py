"""What people say of themselves in forms, traits and chats: the same facts under many names.

Invariant: names, addresses, phone numbers and free text leave here only as claims, `private` and `text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ingestion.contracts.event import AccountHint, Claim, IdentifierType
from ingestion.sources.fields import claim, count_of, host_of, list_of, tag_of, text_of

# A field's name in lower case with underscores -> what it is. Meta's and Google's standard questions
# (developers.facebook.com/docs/marketing-api/guides/lead-ads, developers.google.com/google-ads/webhook/docs), Segment's
# reserved traits (segment.com/docs/connections/spec/identify) and what website forms commonly use.
_MEANINGS: Mapping[str, str] = {
    "email": "email",
    "work_email": "email",
    "e_mail": "email",
    "phone": "phone",
    "phone_number": "phone",
    "work_phone": "phone",
    "work_phone_number": "phone",
    "mobile": "phone",
    "name": "name",
    "full_name": "name",
    "first_name": "first_name",
    "firstname": "first_name",
    "last_name": "last_name",
    "lastname": "last_name",
    "company": "company",
    "company_name": "company",
    "organization": "company",
    "website": "domain",
    "company_website": "domain",
    "domain": "domain",
    "title": "jobtitle",
    "job_title": "jobtitle",
    "jobtitle": "jobtitle",
    "position": "jobtitle",
    "industry": "industry",
    "employees": "company_size",
    "employee_count": "company_size",
    "company_size": "company_size",
    "number_of_employees": "company_size",
    "technologies": "technologies",
    "country": "country",
    "country_code": "country",
    "plan": "plan",
    # Personal and of no use to a score: sealed.
    "username": "username",
    "address": "address",
    "street_address": "address",
    "city": "city",
    "region": "region",
    "state": "state",
    "postal_code": "postal_code",
    "zip_code": "postal_code",
    "post_code": "postal_code",
    "date_of_birth": "date_of_birth",
    "birthday": "date_of_birth",
    "gender": "gender",
    "ip": "ip",
}
_TAGS = frozenset({"jobtitle", "industry", "country", "plan"})
_SPOKEN = frozenset({"message", "comments", "comment", "question", "notes", "description"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Person(msgspec.Struct, gc=False):
    """The parts of a draft that describe its person."""

    claims: tuple[Claim, ...] = ()
    company: str | None = None
    domain: str | None = None
    email: str | None = None
    properties: dict[str, Any] = {}
    private: dict[str, str] = {}
    lines: list[str] = []  # of free text

    @property
    def account(self) -> AccountHint | None:
        """What is said of the company, if anything."""
        return AccountHint(domain=self.domain, name=self.company) if self.domain or self.company else None

    @property
    def text(self) -> str | None:
        """The free text, one answer a line."""
        return "\n".join(self.lines) or None


def person_of(fields: Iterable[tuple[str, Any]], *, verified: bool, answers: bool) -> Person:
    """Reads fields by name.

    Args:
        verified: the sender vouches for the e-mail address (a log-in, not a visitor's form).
        answers: a field that no table knows is a question, and its value an answer in free text; else it is left out.
    """
    person = Person()
    for name, value in fields:
        key = _key(name)
        meaning = _MEANINGS.get(key)
        if meaning is None:
            if answers and (text := text_of(value)):
                person.lines.append(text if key in _SPOKEN else f"{name.strip()}: {text}")
        else:
            _note(person, meaning, value, verified)
    return person


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    """`firstName`, `First Name` and `FIRST_NAME` as `first_name`."""
    words = name.strip()[:100].replace(" ", "_").replace("-", "_")
    return (words if words.isupper() else _HUMP.sub("_", words)).lower()


def _note(person: Person, meaning: str, value: Any, verified: bool) -> None:
    text = text_of(value)
    if meaning == "technologies":
        if technologies := list_of(value):
            person.properties[meaning] = technologies
    elif text is None:
        return
    elif meaning == "company":
        person.company = tag_of(text)
    elif meaning == "domain":
        person.domain = host_of(text)
    elif meaning == "company_size":
        if (size := count_of(text)) is not None:
            person.properties[meaning] = size
    elif meaning in _TAGS:
        if tag := tag_of(text):
            person.properties[meaning] = tag
    else:
        person.private[meaning] = text
        if meaning == "email":
            person.email = text
            person.claims += claim(IdentifierType.EMAIL, text, verified=verified)
        elif meaning == "phone":
            person.claims += claim(IdentifierType.PHONE, text)
