"""What the demo counts after the pipeline has run: fates, people, parity of online, offline and batch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import pandas as pd

from features.parity import online_features
from features.recompute import batch_recompute, compare
from features.settings import feature_set, offline_engine
from features.training import point_in_time
from ingestion import duplicates
from ingestion.contracts.event import MAX_PARTS, Actor, Event
from ingestion.contracts.forwards import Forwards, ended
from ingestion.contracts.raw import QUARANTINE_TOPIC
from ingestion.database import open_database, reading
from ingestion.kafka import read_topic
from ingestion.lake import read_events, read_forwardings
from ingestion.quarantine import failure_of
from ingestion.settings import PlatformSettings
from leadline.company import Fate, Truth
from leadline.platform import Platform
from leadline.questions import newest_leads
from leadline.seed import Coordinates
from leadline.truth_check import Fates, People, Place, check_fates, check_people


@dataclass(frozen=True, slots=True)
class Checks:
    """Counts after the year was read, held against the truth."""

    good: int
    quarantined: int
    reasons: dict[str, int]
    duplicates: int
    test_or_bot: int
    merges: int
    fates: Fates
    people: People

    @classmethod
    def of(cls, platform: Platform, truth: Truth, coordinates: Sequence[Coordinates]) -> Self:
        """Count what lies in the lake, in quarantine and among the duplicates."""
        settings = platform.settings
        events, forwardings = read_events(settings.lake), read_forwardings(settings.lake)
        failures = {
            (failure.topic, failure.partition, failure.offset, failure.index): failure
            for failure in map(failure_of, read_topic(settings.kafka_bootstrap_servers, QUARANTINE_TOPIC))
        }
        dropped = _dropped(settings)
        found: dict[Place, Fate] = {_place(event): Fate.GOOD for event in events}
        found |= dict.fromkeys(failures, Fate.QUARANTINED) | dict.fromkeys(dropped, Fate.DUPLICATE)
        forwards = Forwards(forwardings)
        leads = {_place(event): forwards.of(event) for event in events}
        return cls(
            good=len(events),
            quarantined=len(failures),
            reasons=dict(Counter(failure.type for failure in failures.values())),
            duplicates=len(dropped),
            test_or_bot=sum(event.data.test or event.data.actor is Actor.BOT for event in events),
            merges=len({ended(forwarding) for forwarding in forwardings}),
            fates=check_fates(truth, coordinates, found),
            people=check_people(truth, coordinates, leads),
        )


def _place(event: Event) -> Place:
    raw = event.raw
    return raw.topic, raw.partition, raw.offset, raw.index


def _dropped(settings: PlatformSettings) -> list[Place]:
    engine = open_database(settings.database_url)
    with reading(engine) as connection:
        places = duplicates.dropped(connection)
    engine.dispose()
    found = []
    for stream, position in places:
        topic, _, partition = stream.rpartition("/")
        found.append((topic, int(partition), *divmod(position, MAX_PARTS)))
    return found


def compare_online_offline(settings: PlatformSettings) -> tuple[int, int]:
    """Every live lead through Feast's `get_online_features` and `get_historical_features` as of one moment.

    Returns:
        Leads compared, and how many differ in any feature.
    """
    leads = newest_leads(settings)
    as_of = _settled_moment()
    asked = pd.DataFrame(
        {
            "lead": [lead for lead, *_ in leads],
            "account": [account for _, account, _ in leads],
            "event_timestamp": pd.Timestamp(as_of),
        }
    )
    online = online_features(settings, [(lead, account) for lead, account, _ in leads], as_of)
    offline = _by_lead(point_in_time(settings, asked), feature_set(settings).names)
    return len(leads), len({mismatch.lead for mismatch in compare(online, offline)})


def compare_recompute(settings: PlatformSettings) -> tuple[int, int]:
    """Every live lead online against the batch recompute from the lake's events."""
    leads = newest_leads(settings)
    as_of = _settled_moment()
    online = online_features(settings, [(lead, account) for lead, account, _ in leads], as_of)
    recomputed = batch_recompute(settings.lake, as_of, feature_set(settings), offline_engine(settings.offline_engine))
    return len(recomputed), len({mismatch.lead for mismatch in compare(online, recomputed)})


def _settled_moment() -> datetime:
    """A whole second that has just begun: `as_of` counts in seconds, and all that is stored was known before it."""
    now = datetime.now(UTC)
    moment = now.replace(microsecond=0) + timedelta(seconds=1)
    time.sleep((moment - now).total_seconds())
    return moment


def _by_lead(frame: pd.DataFrame, names: Sequence[str]) -> Mapping[str, Mapping[str, float | None]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {row["lead"]: {name: row[name] for name in names} for row in rows}
