"""Runs inside a container, from standard input: waits until no worker has anything left to read.

Usage: python - SECONDS < deploy/drained.py. Exits 1 with the groups that lag when the time is over.
"""

import sys
import time

from features.app import features_group
from ingestion.app import INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.raw import CHANGES_TOPIC, DECISIONS_TOPIC, EVENTS_TOPIC, RAW_TOPICS
from ingestion.errors import Retry
from ingestion.kafka import Lags
from ingestion.settings import load
from scoring.enrichment.worker import GROUP as ENRICHMENT_GROUP
from scoring.ledger_writer import GROUP as LEDGER_GROUP
from scoring.stream import GROUP as STREAM_GROUP

# In the order of the data's way: what one group commits, the next has already been sent.
_GROUPS = {
    INGESTION_GROUP: RAW_TOPICS,
    features_group(load()): (EVENTS_TOPIC,),
    LAKE_GROUP: (EVENTS_TOPIC,),
    ENRICHMENT_GROUP: (EVENTS_TOPIC,),
    STREAM_GROUP: (CHANGES_TOPIC,),
    LEDGER_GROUP: (DECISIONS_TOPIC,),
}
# The feature worker sends to the topic that it reads: one look may see a partition before and another one after.
_LOOKS = 2


def main() -> int:
    """0 when nothing is left."""
    lags = Lags(load().kafka_bootstrap_servers)
    deadline = time.monotonic() + float(sys.argv[1])
    empty = 0
    left: dict[str, int] = {}
    while empty < _LOOKS:
        if time.monotonic() > deadline:
            sys.stderr.write(f"records that are still to be read: {left}\n")
            return 1
        time.sleep(0.5)
        try:
            left = {group: lag for group, topics in _GROUPS.items() if (lag := lags.of(group, topics))}
        except Retry:  # the broker was restarted just now
            left = {"unknown": 1}
        empty = 0 if left else empty + 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
