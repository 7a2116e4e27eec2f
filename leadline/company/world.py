"""The people around the firm: accounts, buyers with intent and fit, anonymous visitors, and when each one decides.

Invariant: an identifier belongs to one person, and a person has at most one contact, deal, requester and user id.
Fit is a function of what the CRM gets to know (size, industry, technologies, title), and as good as the worst of them:
a deal needs them all. Intent is never sent, it only drives behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import exp
from unicodedata import normalize

from leadline.company import markets
from leadline.company.dice import Dice, Ids
from leadline.company.markets import Market
from leadline.company.wire import Flag

DAY = 86_400.0
KNOWN = 0.78  # share of the people who leave an address; the rest stay anonymous visitors
BUYERS = 0.85  # share of the known who get a sales opportunity
FREE_MAIL = 0.11  # share of the known with a free-mail address
FORMER_ADDRESS = 0.04  # share of the known who first used another address


class Kind(StrEnum):
    """What a person, or what looks like one, is."""

    BUYER = "buyer"  # known, with a sales opportunity
    PROSPECT = "prospect"  # known, without one
    VISITOR = "visitor"  # never becomes known
    STAFF = "staff"
    BOT = "bot"
    MAILBOX = "mailbox"  # an address several people share, or a help-desk user behind it
    TEST = "test"  # the object of vendors' test pings
    UNIDENTIFIED = "unidentified"  # one event without any usable identifier


class Outcome(StrEnum):
    """How an opportunity ended."""

    WON = "won"
    LOST = "lost"
    DISQUALIFIED = "disqualified"
    SILENT = "silent"  # no event will ever say so


@dataclass(slots=True)
class Account:
    """A company."""

    number: int
    name: str
    domain: str
    mail_domain: str  # sometimes a subdomain
    market: Market
    industry: str
    employees: int
    technologies: tuple[str, ...]
    fit: float
    intent: float
    season: float  # when its people look for a product, seconds


@dataclass(slots=True)
class Person:
    """Somebody, with every identifier that really is theirs."""

    number: int
    kind: Kind
    market: Market
    ip: str
    agent: str
    first: str = ""
    last: str = ""
    email: str = ""
    former_email: str = ""
    phone: str = ""
    title: str = ""
    account: Account | None = None
    cookies: tuple[str, ...] = ()
    user_id: str = ""
    contact_id: int = 0
    deal_id: int = 0
    requester_id: str = ""
    intent: float = 0.0  # standard deviations
    fit: float = 0.0  # standard deviations among buyers
    opened: float = 0.0  # the opportunity, seconds
    closed: float = 0.0  # the decision, seconds; may lie after the year's end
    win_probability: float | None = None
    outcome: Outcome | None = None
    flag: Flag = Flag.NONE
    spellings: tuple[str, ...] = field(default=())  # of the same address

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def language(self) -> str:
        return self.market.language

    @property
    def locale(self) -> str:
        return self.market.locale

    @property
    def free_mail(self) -> bool:
        """The address is with a public mail provider."""
        return self.email.partition("@")[2] in self.market.free_mail

    @property
    def is_mailbox(self) -> bool:
        return self.kind is Kind.MAILBOX


class Census:
    """Makes accounts and people, each with names and addresses of their own."""

    def __init__(self, dice: Dice, ids: Ids, *, start: float, end: float) -> None:
        self._dice, self._ids, self._start, self._end = dice, ids, start, end
        self._domains: set[str] = set()
        self._addresses: set[str] = set()
        self.accounts: list[Account] = []
        self.people: list[Person] = []

    def continued(self, dice: Dice, ids: Ids) -> Census:
        """A census that goes on from this one and leaves it as it is."""
        copy = Census(dice, ids, start=self._start, end=self._end)
        copy._domains, copy._addresses = set(self._domains), set(self._addresses)
        copy.accounts, copy.people = list(self.accounts), list(self.people)
        return copy

    def settle(self, leads: int) -> None:
        """Fill the world with `leads` people at fewer accounts."""
        for _ in range(max(3, int(leads * KNOWN / 2.6))):
            self.new_account()
        for _ in range(leads):
            self.new_person()

    def new_account(self) -> Account:
        dice = self._dice
        market = markets.MARKETS[dice.weighed(markets.MARKET_SHARES)]
        industry = dice.weighed(markets.INDUSTRY_SHARES)
        _, industry_fit, word = markets.INDUSTRIES[industry]
        stem = dice.pick(markets.COMPANY_FIRST) + dice.pick(markets.COMPANY_SECOND)
        domain = self._free_domain(f"{stem}-{word.lower()}", market.suffix)
        employees = max(3, int(exp(min(5.5 + 2.2 * dice.normal(), 11.0))))
        count = min(3, dice.count(1.1))
        technologies = tuple(dict.fromkeys(dice.pick(markets.FITTING_TECHNOLOGIES) for _ in range(count)))
        others = tuple(dict.fromkeys(dice.pick(markets.OTHER_TECHNOLOGIES) for _ in range(2)))
        account = Account(
            number=len(self.accounts),
            name=f"{stem.capitalize()} {word}",
            domain=domain,
            mail_domain=f"eu.{domain}" if dice.chance(0.05) else domain,
            market=market,
            industry=industry,
            employees=employees,
            technologies=technologies + others,
            fit=min(industry_fit, markets.TECHNOLOGY_FIT[len(technologies)], _size_fit(employees)),
            intent=dice.normal(),
            season=dice.between(self._start + 8 * DAY, self._end + 20 * DAY),
        )
        self.accounts.append(account)
        return account

    def new_person(self) -> Person:
        """A visitor, a prospect or a buyer, in the shares given above."""
        dice = self._dice
        if not dice.chance(KNOWN):
            market = markets.MARKETS[dice.weighed(markets.MARKET_SHARES)]
            return self.add(Kind.VISITOR, market)
        # Big accounts send more people: the square prefers low numbers.
        account = self.accounts[int(len(self.accounts) * dice.random() ** 1.5)]
        person = self.add(Kind.BUYER if dice.chance(BUYERS) else Kind.PROSPECT, account.market)
        person.account = account
        person.first, person.last = dice.pick(account.market.first), dice.pick(account.market.last)
        person.phone = f"{account.market.phone}{dice.whole(2_000_000_000, 9_999_999_999)}"
        person.title = dice.weighed(markets.TITLE_SHARES)
        private = dice.chance(FREE_MAIL)
        person.email = self._free_address(
            person, dice.pick(account.market.free_mail) if private else account.mail_domain
        )
        if not private and dice.chance(FORMER_ADDRESS):
            person.former_email = self._free_address(person, dice.pick(account.market.free_mail))
        person.spellings = self._spellings(person.email)
        person.contact_id = self._ids.number("hubspot object", 173_595_202_426)
        person.intent = 0.45 * account.intent + 0.893 * dice.normal()
        person.fit = min(account.fit, markets.TITLES[person.title][1]) - (0.3 if private else 0.0)
        if person.kind is Kind.BUYER:
            person.deal_id = self._ids.number("hubspot object", 173_595_202_426)
            opened = min(max(account.season + 16 * DAY * dice.normal(), self._start + 6 * DAY), self._end + 30 * DAY)
            person.opened = (opened // DAY) * DAY + (dice.between(8.5, 17.5) - account.market.offset) * 3600.0
            person.closed = person.opened + dice.whole(20, 85) * DAY + dice.between(0.0, 2.0) * 3600.0
        return person

    def add(self, kind: Kind, market: Market, flag: Flag = Flag.NONE) -> Person:
        """Somebody with a browser and nothing else yet."""
        dice = self._dice
        ip = f"198.{dice.whole(18, 20)}.{dice.whole(0, 256)}.{dice.whole(1, 255)}"  # RFC 2544: routed nowhere
        agent = dice.pick(markets.BOTS if kind is Kind.BOT else markets.BROWSERS)
        person = Person(len(self.people), kind, market, ip, agent, cookies=(self._ids.uuid(),), flag=flag)
        self.people.append(person)
        return person

    def _free_domain(self, stem: str, suffix: str) -> str:
        domain, attempt = f"{stem}.{suffix}", 2
        while domain in self._domains:
            domain, attempt = f"{stem}{attempt}.{suffix}", attempt + 1
        self._domains.add(domain)
        return domain

    def _free_address(self, person: Person, domain: str) -> str:
        first, last = _ascii(person.first), _ascii(person.last)
        local = first + last if self._dice.chance(0.15) else f"{first}.{last}"
        address, attempt = f"{local}@{domain}", 2
        while _merged(address) in self._addresses:
            address, attempt = f"{local}{attempt}@{domain}", attempt + 1
        self._addresses.add(_merged(address))
        return address

    def _spellings(self, address: str) -> tuple[str, ...]:
        local, domain = address.split("@")
        spelled = [f"{local.title()}@{domain}", f"{local}+news@{domain}", f"{local}@{domain}".upper()]
        if domain == "gmail.com" and "." in local:
            spelled.append(f"{local.replace('.', '')}@{domain}")
        return tuple(spelled)


def _size_fit(employees: int) -> float:
    return next(fit for limit, fit in markets.SIZE_FIT if employees <= limit)


def _ascii(name: str) -> str:
    plain = name.lower().replace("ß", "ss")
    return normalize("NFKD", plain).encode("ascii", "ignore").decode()


def _merged(address: str) -> str:
    """Equal for addresses that may reach the same person; stricter than any mail provider."""
    local, domain = address.split("@")
    return f"{local.replace('.', '')}@{domain}"
