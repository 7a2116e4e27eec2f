"""Decisions over rows that the real worker folded, and the lake of the same records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from features.definitions import LEAD_SCORING
from features.store import OnlineStore
from governance.evidence import LakeView
from governance.verify import Verifier
from ingestion.contracts.event import Event, EventType
from ingestion.lake import EventsTable
from ingestion.lake_writer import LakeWriter
from scoring.decision import Decision, Trigger
from scoring.ids import new_id
from scoring.lookup import Served, look_up
from scoring.scorer import Scorer
from tests.features.conftest import ACME, NOW, STREAMS, History, deal, event_of, merge_of, page, record, said
from tests.features.members import Log, Member
from tests.features.platforms import applied

AS_OF = NOW + timedelta(minutes=5)
CRM, PRODUCT, OTHER = STREAMS
ADA, COLLEAGUE, STRANGER = "ld_2", "ld_3", "ld_1"


def told() -> History:
    """Ada was first a visitor without an account; a colleague of hers, and a stranger."""
    early = NOW - timedelta(days=3)
    return History(
        (
            event_of(page(), at=early, lead="ld_0", stream=PRODUCT, offset=0),
            event_of(page("/pricing"), at=early, lead="ld_0", stream=PRODUCT, offset=1),
            event_of(page(), at=NOW - timedelta(hours=3), lead=STRANGER, stream=PRODUCT, offset=2),
            event_of(said(EventType.MEETING_BOOKED), at=early, lead=COLLEAGUE, account=ACME, stream=CRM, offset=0),
            event_of(record(numberofemployees=9000), at=early, lead=COLLEAGUE, account=ACME, stream=CRM, offset=1),
            merge_of("ld_0", ADA, stream=CRM, offset=2),
            event_of(said(EventType.LEAD_FORM_SUBMITTED), at=NOW, lead=ADA, account=ACME, stream=CRM, offset=2),
            event_of(page(), at=NOW, lead=ADA, account=ACME, stream=OTHER, offset=0),
            event_of(deal("d1", "contractsent"), at=NOW, lead=ADA, account=ACME, stream=CRM, offset=3),
        )
    )


def visited(event: Event) -> bool:
    """The page view on the second product partition."""
    return event.raw.stream == "raw.product/1"


def lake_of(folder: Path, history: History, without: Callable[[Event], bool] = lambda _: False) -> Path:
    """The lake of these records, but for the events that are left out."""
    log = Log()
    log.publish(each for each in history.records if not (isinstance(each, Event) and without(each)))
    LakeWriter(EventsTable(folder)).append([each for partition in log.partitions for each in partition])
    return folder


def decide(home: Path, history: History, scorer: Scorer, lead: str = ADA) -> Decision:
    """What the scorer says of a lead, from the rows that the worker serves."""
    settings, log = applied(home), Log()
    log.publish(history.records)
    Member(settings, log).drain(at_once=2)
    (served,) = look_up(OnlineStore.open(settings), [lead])
    assert isinstance(served, Served)
    return scorer.score(served, Trigger.API, AS_OF, new_id(AS_OF))


def verifier(lake: Path, decision: Decision, *scorers: Scorer) -> Verifier:
    """A verifier over the lake that knows the models and policies of these scorers."""
    return Verifier(
        LakeView.of(lake, [decision], LEAD_SCORING),
        {scorer.model.ref.digest: scorer.model for scorer in scorers},
        {scorer.policy.digest: scorer.policy for scorer in scorers},
    )
