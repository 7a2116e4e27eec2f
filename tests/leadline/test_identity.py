"""Who is who from the command line, beside a real ingestion worker."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

from ingestion.app import run_ingestion
from ingestion.contracts.event import Claim, IdentifierType
from ingestion.contracts.raw import EVENTS_TOPIC, IDENTITY_TOPIC, RAW_TOPICS, SOURCE_ACCOUNT, SOURCE_SYSTEM
from ingestion.database import metadata, open_database
from ingestion.identity import IdentityStore
from ingestion.kafka import DurableProducer, create_topics
from ingestion.settings import PlatformSettings
from leadline import identity, review
from leadline.errors import LeadlineError
from tests.conftest import wait_until
from tests.features.platforms import settings_of

CONTACT = Claim(IdentifierType.CRM, "7", True, "hubspot:1:contact")
USER = Claim(IdentifierType.USER_ID, "jo-7", True, "app")


@pytest.fixture
def settings(tmp_path: Path, empty_kafka: str) -> Iterator[PlatformSettings]:
    """A platform whose ingestion worker runs."""
    found = settings_of(tmp_path, bootstrap=empty_kafka)
    create_topics(empty_kafka, {**dict.fromkeys(RAW_TOPICS, 2), EVENTS_TOPIC: 2, IDENTITY_TOPIC: 1, "alerts": 1})
    engine = open_database(found.database_url)
    metadata.create_all(engine)
    engine.dispose()
    stop = threading.Event()
    worker = threading.Thread(target=run_ingestion, args=(found, stop), kwargs={"registry": CollectorRegistry()})
    worker.start()
    yield found
    stop.set()
    worker.join()


def publish(settings: PlatformSettings, *claims: Claim) -> None:
    body = {
        "dataschema": "leadline.interaction/1-0-0",
        "id": "-".join(claim.value for claim in claims),
        "type": "product.feature_used",
        "time": "2026-01-01T12:00:00Z",
        "channel": "product",
        "claims": [
            {"type": each.type.value, "value": each.value, "verified": True, "scope": each.scope} for each in claims
        ],
    }
    producer = DurableProducer(settings.kafka_bootstrap_servers)
    headers = {SOURCE_SYSTEM: "canonical", SOURCE_ACCOUNT: "app"}
    producer.send_and_wait("raw.product", key="1", value=msgspec.json.encode(body), headers=headers)
    producer.close()


def printed(show: object, *arguments: object) -> str:
    out = Console(file=io.StringIO(), width=200)
    show(*arguments, out)  # type: ignore[operator]
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_two_people_are_seen_explained_and_parted(settings: PlatformSettings) -> None:
    publish(settings, CONTACT, USER)
    store = IdentityStore(open_database(settings.database_url), settings.identity_key_bytes)
    wait_until(lambda: store.resolve(CONTACT) is not None, "the event")
    together = store.resolve(CONTACT)
    assert together is not None
    assert together == store.resolve(USER)
    hashes = [store.identifiers_of((claim,))[0].hash for claim in (CONTACT, USER)]
    shown = printed(identity.show_identity, settings, together.lead, None, False)
    assert all(hash_ in shown for hash_ in hashes)
    assert "crm~user_id" in printed(identity.explain_identity, settings, together.lead, False)
    said = printed(review.unmerge, settings, hashes[0][:10], hashes[1], "compliance", "one laptop")
    contact, product = store.resolve(CONTACT), store.resolve(USER)
    assert contact is not None
    assert product is not None
    assert len({together.lead, contact.lead, product.lead}) == 3
    assert contact.lead in said
    assert product.lead in said
    explained = printed(identity.explain_identity, settings, contact.lead, False)
    assert f"{together.lead} was parted into" in explained
    assert contact.lead in printed(identity.show_identity, settings, together.lead, None, False)  # by the old id

    _rule_on_the_queue(settings, store)


def _rule_on_the_queue(settings: PlatformSettings, store: IdentityStore) -> None:
    """Three contacts and two users: what is refused is listed, and settled by a person."""
    first, second, third = (Claim(IdentifierType.CRM, str(n), True, "hubspot:1:contact") for n in (11, 12, 13))
    user, stranger = (Claim(IdentifierType.USER_ID, name, True, "app") for name in ("al-9", "al-10"))
    for claims in ((first, user), (second, user), (third,), (stranger,)):
        publish(settings, *claims)
    wait_until(lambda: store.resolve(stranger) is not None, "the contacts and users")
    hashes = (store.identifiers_of((claim,))[0].hash for claim in (first, second, third, user, stranger))
    one, two, three, product, other_product = hashes
    assert "two values of crm:hubspot:1:contact" in printed(review.list_conflicts, settings, 50, False, False)
    with pytest.raises(LeadlineError, match="stay two leads: two values of crm:hubspot:1:contact"):
        review.link(settings, one, two, "sales", "the same", Console(file=io.StringIO()))
    assert "Dismissed" in printed(review.dismiss, settings, two, product, "sales", "")
    assert "Dismissed" in printed(review.dismiss, settings, one, two, "sales", "")
    assert "two values" not in printed(review.list_conflicts, settings, 50, False, False)
    assert "dismissed" in printed(review.list_conflicts, settings, 50, True, False)
    printed(review.link, settings, other_product, three, "sales", "his other account")
    assert store.resolve(third) == store.resolve(stranger)


def test_what_names_nobody_is_said_so(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    engine = open_database(settings.database_url)
    metadata.create_all(engine)
    engine.dispose()
    with pytest.raises(LeadlineError, match="never given out"):
        identity.show_identity(settings, "ld_nobody", None, False, Console(file=io.StringIO()))
    with pytest.raises(LeadlineError, match="none does"):
        review.unmerge(settings, "0" * 32, "1" * 32, "", "", Console(file=io.StringIO()))
