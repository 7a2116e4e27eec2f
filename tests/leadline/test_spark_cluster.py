"""A real Spark cluster computes what the stream serves, as a person at the console asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from ingestion.contracts.event import encode_json
from ingestion.lake import EventsTable, event_row, forwarding_row
from tests.features.conftest import ACCOUNTS, LEADS, NOW, SPOKEN, STREAMS, event_of, merge_of
from tests.features.members import Log, Member
from tests.features.platforms import KEY, applied


def test_a_cluster_computes_what_is_served(spark_cluster: Mapping[str, str], tmp_path: Path) -> None:
    settings, log = applied(tmp_path), Log()
    events = [
        event_of(
            SPOKEN[number % len(SPOKEN)],
            at=NOW - timedelta(hours=3 * number),
            lead=LEADS[number % len(LEADS)],
            account=ACCOUNTS[LEADS[number % len(LEADS)]],
            stream=STREAMS[number % len(STREAMS)],
            offset=number,
        )
        for number in range(300)
    ]
    merge = merge_of("ld_0", "ld_2", offset=300)
    log.publish([*events, merge])
    rows = [event_row(event, encode_json(event)) for event in events] + [forwarding_row(merge, encode_json(merge))]
    EventsTable(settings.lake).append(rows, {"test": 1})
    Member(settings, log).drain()

    given = {"LEADLINE_HOME": str(tmp_path), "LEADLINE_IDENTITY_KEY": KEY, "LEADLINE_MASTER_KEY": KEY, "COLUMNS": "200"}

    command = [sys.executable, "-m", "leadline", "features", "parity", "--share", "1"]
    done = subprocess.run(
        command, env={**os.environ, **spark_cluster, **given}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert f"{len(LEADS)} leads looked at, 1 ended by a merge or split: 0 differ; 0 wait" in said
    assert list(Path(spark_cluster["SPARK_WORKER_DIR"]).glob("app-*/*/stderr"))  # an executor has worked
