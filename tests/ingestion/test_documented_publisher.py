"""The example of docs/how-to-publish-to-kafka.md, run as it stands on real Kafka."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from ingestion.contracts.event import Draft, EventType
from ingestion.decode import read
from ingestion.kafka import create_topics, read_topic
from ingestion.sources.adapter import Tenant
from ingestion.worker import raw_of

GUIDE = Path(__file__).parents[2] / "docs" / "how-to-publish-to-kafka.md"


def test_the_documented_publisher_publishes_an_event(empty_kafka: str) -> None:
    create_topics(empty_kafka, {"raw.product": 2})
    [program] = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    environment = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": empty_kafka}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"raw\.product/[01] offset 0\n", ran.stdout)
    [record] = read_topic(empty_kafka, "raw.product")
    [draft] = read(raw_of(record), Tenant("acme"))
    assert isinstance(draft, Draft)
    assert (draft.type, draft.properties, len(draft.claims)) == (EventType.PRODUCT_TRIAL_STARTED, {"plan": "team"}, 2)
