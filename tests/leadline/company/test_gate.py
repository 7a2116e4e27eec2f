"""The ingestion gate on a year of ordinary traffic."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingestion.contracts.raw import RawMessage
from ingestion.decode import read
from ingestion.gate import BatchGate, RowGate, admit
from ingestion.sources.adapter import Tenant
from leadline.company import Company, Fate
from quality.verdict import Action, Verdict


def test_a_year_of_ordinary_traffic_raises_no_alert(company: Company, end: datetime) -> None:
    verdicts: list[Verdict] = []
    gate = BatchGate(verdicts.append, lambda: end, every=timedelta(days=1), at_most_every=timedelta())
    rows, tenant = RowGate(), Tenant("demo")
    for number, (message, fates) in enumerate(zip(company.messages, company.truth.fates, strict=True)):
        if Fate.QUARANTINED in fates:
            continue  # planted poison
        raw = RawMessage(message.topic, 0, number, message.key, message.value, message.headers, message.received)
        admit(raw, read(raw, tenant), rows, gate)
        gate.judge_if_due()
    gate.judge()
    assert len(verdicts) > 20
    assert [finding for verdict in verdicts for finding in verdict.findings] == []
    assert {verdict.action for verdict in verdicts} == {Action.PASS}
