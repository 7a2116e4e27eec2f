"""Traffic that is no buyer's: staff, bots, shared mailboxes, vendors' test pings, browsers without usable ids.

Invariant: each of these is an entity of its own, and none of it counts as a lead's engagement, except that a form
sent from a shared mailbox is still a visit of the person whose cookie it carries.
"""

from __future__ import annotations

from leadline.company import firm, forms, hubspot, mailings, markets, segment, usage, visits
from leadline.company.forms import ROLE_MAILBOXES
from leadline.company.scene import Scene
from leadline.company.wire import Flag
from leadline.company.world import DAY, Account, Census, Kind, Person


def crowd(scene: Scene, census: Census, leads: int) -> None:
    """All bystanders of the year, in numbers that follow the number of leads."""
    known = [person for person in census.people if person.kind in (Kind.BUYER, Kind.PROSPECT)]
    for number in range(4 + leads // 250):
        _staff(scene, census, number)
    for _ in range(3 + leads // 100):
        _bot(scene, census)
    _mailboxes(scene, census, known, 2 + leads // 100)
    _pings(scene, census, 6 + leads // 500)
    for _ in range(8 + leads // 100):
        _unidentified(scene, census)


def _staff(scene: Scene, census: Census, number: int) -> None:
    """A colleague who is logged in to the site and the product with the firm's own address."""
    dice = scene.dice
    person = census.add(Kind.STAFF, markets.MARKETS["us"], Flag.STAFF)
    person.first, person.last = dice.pick(person.market.first), dice.pick(person.market.last)
    person.email = f"{person.first}.{person.last}{number}@{firm.DOMAIN}".lower()
    at = scene.start + dice.between(1, 20) * DAY
    usage.sign_up(scene, person, at)
    usage.use(scene, person, at + 60.0, scene.end, 0.04)
    for _ in range(12):
        moment = dice.between(at, scene.end)
        visits.visit(scene, person, moment, person.cookies[0], until=scene.end, signed_in=True)


def _bot(scene: Scene, census: Census) -> None:
    """A crawler that reads page after page, prices included."""
    dice = scene.dice
    person = census.add(Kind.BOT, markets.MARKETS["us"], Flag.BOT)
    at = dice.between(scene.start, scene.end - DAY)
    for _ in range(dice.whole(20, 60)):
        path, title = visits.PRICING if dice.chance(0.2) else dice.weighed(visits.PAGES).split("|")
        scene.put(segment.page_viewed(scene.ids, person, at, path, title, cookie=person.cookies[0]))
        at += 1.0 + dice.wait(20.0)


def _mailboxes(scene: Scene, census: Census, known: list[Person], count: int) -> None:
    """info@ and sales@ of accounts: on the mailing list, at the help desk, and in several colleagues' forms."""
    dice = scene.dice
    last_seen = {element.key: element.occurred for element in scene.elements}  # any use of the cookie will do
    colleagues: dict[int, list[Person]] = {}
    for person in known:
        if person.account is not None and person.user_id == "" and len(person.cookies) == 1:
            colleagues.setdefault(person.account.number, []).append(person)
    crowded = sorted(colleagues.values(), key=len, reverse=True)[:count]
    for number, people in enumerate(crowded):
        account = people[0].account
        assert account is not None
        address = ROLE_MAILBOXES[number % 2] + account.domain
        mailbox = _mailbox(census, account, address)
        mailings.subscribe(scene, mailbox, scene.start, scene.end)
        if number % 3 == 0:
            desk = _mailbox(census, account, address)
            usage.ask_for_help(scene, desk, dice.between(scene.start, scene.end - 2 * DAY))
        for person in people[:3]:
            if (at := last_seen.get(person.cookies[0])) is not None:
                visits.submit(scene, person, at + 90.0, "contact-sales", cookie=person.cookies[0], email=address)


def _mailbox(census: Census, account: Account, address: str) -> Person:
    mailbox = census.add(Kind.MAILBOX, account.market)
    mailbox.account, mailbox.email, mailbox.cookies = account, address, ()
    mailbox.first, mailbox.last = address.split("@")[0].capitalize(), account.name
    return mailbox


def _pings(scene: Scene, census: Census, count: int) -> None:
    """Somebody tries the vendors' test buttons now and then."""
    hubspot_test, meta_test, google_test = (census.add(Kind.TEST, markets.MARKETS["us"], Flag.TEST) for _ in range(3))
    for _ in range(count):
        at = scene.dice.between(scene.start, scene.end)
        scene.put(hubspot.test_ping(scene.ids, hubspot_test.number, at))
        scene.put(forms.meta_test(scene.ids, meta_test.number, at + 3600.0))
        scene.put(forms.google_test(scene.ids, google_test.number, at + 7200.0))


def _unidentified(scene: Scene, census: Census) -> None:
    """A browser whose tracker was blocked or badly set up: a constant instead of a cookie."""
    dice = scene.dice
    person = census.add(Kind.UNIDENTIFIED, markets.MARKETS["uk"])
    view = segment.page_viewed(
        scene.ids, person, dice.between(scene.start, scene.end), "/", "Home", cookie=dice.pick(visits.BLOCKED)
    )
    view.identifiers, view.planted = (), "blocked_identifiers"
    scene.put(view)
