"""`leadline import` as a person at the console meets it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from ingestion.contracts.raw import RAW_TOPICS
from ingestion.decode import MAX_BYTES
from ingestion.errors import FileUnreadable, SettingsError
from ingestion.importer.known_at import KnownAt
from ingestion.kafka import DurableProducer, create_topics, read_topic
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError
from leadline.importing import FOLDER, import_files
from tests.conftest import wait_until
from tests.ingestion.importer.conftest import call, write_lines

KEY = "11" * 32


@pytest.fixture
def settings(empty_kafka: str, tmp_path: Path) -> PlatformSettings:
    create_topics(empty_kafka, dict.fromkeys(RAW_TOPICS, 2))
    values = {"home": tmp_path / "home", "kafka_bootstrap_servers": empty_kafka, "identity_key": KEY, "master_key": KEY}
    return PlatformSettings.model_validate(values)


def _import(settings: PlatformSettings, *files: Path | str, source: str = "segment") -> tuple[int, str]:
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    names = list(map(str, files))
    status = import_files(settings, names, source=source, account=None, known_at=KnownAt.NOW, console=console)
    return status, shown.getvalue()


def _command(settings: PlatformSettings, *words: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "LEADLINE_HOME": str(settings.home),
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "LEADLINE_IDENTITY_KEY": KEY,
        "LEADLINE_MASTER_KEY": KEY,
        "COLUMNS": "200",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "leadline", "import", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )


def test_each_file_is_told_in_a_table(settings: PlatformSettings, tmp_path: Path) -> None:
    first = write_lines(tmp_path / "first.jsonl", [call(number) for number in range(1_200)])
    second = write_lines(tmp_path / "second.jsonl", [call(number) for number in range(1_200, 1_203)])
    status, shown = _import(settings, tmp_path / "*.jsonl")
    assert status == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert rows == [
        [str(first), "1,200", "1,200", "0", "0"],
        [str(second), "3", "3", "0", "0"],
        ["2 files", "1,203", "1,203", "0", "0"],
    ]
    assert len(read_topic(settings.kafka_bootstrap_servers, "raw.product")) == 1_203


def test_faults_are_named_by_file_and_line_and_never_by_content(settings: PlatformSettings, tmp_path: Path) -> None:
    secret = b"jo.doe@acme.com"
    rows = [call(1), b'{"email":"' + secret, {"type": secret.decode()}, b'"' + secret * (MAX_BYTES // 10) + b'"']
    path = write_lines(tmp_path / "a.jsonl", rows)
    broken = tmp_path / "b.csv"
    broken.write_bytes(b"type,userId\ntrack\n")
    unknown = tmp_path / "c.txt"
    unknown.write_bytes(secret)
    status, shown = _import(settings, path, broken, unknown)
    assert status == 1
    assert f"{path}: line 2: " in shown
    assert f"{path}: line 3: " in shown
    assert f"{path}: not sent, for a row may have 819,200 bytes: line 4" in shown
    assert f"{broken}: line 2: cells: 1, expected 2 as in the header" in shown
    assert f"{unknown}: could not be read: its format is unknown" in shown
    assert secret.decode() not in shown


def test_a_file_of_companies_is_read_by_their_domains(settings: PlatformSettings, tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text("domain,name,employees,industry,technologies\nacme.com,Acme,51-200,software,kafka;spark\nx,Y,,,\n")
    status, shown = _import(settings, path, source="firmographics")
    assert status == 0
    assert f"{path}: line 3: domain: " in shown
    assert "is --source right?" not in shown
    assert len(read_topic(settings.kafka_bootstrap_servers, "raw.crm")) == 2  # what is wrong will be set aside


def test_a_wrong_source_is_suspected_when_no_row_fits(settings: PlatformSettings, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [call(1), call(2)])
    status, shown = _import(settings, path, source="hubspot")
    assert status == 0  # they are on the raw topic, and will be set aside
    assert "is --source right?" in shown


def test_what_cannot_begin_says_what_to_do(settings: PlatformSettings, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [call(1)])
    with pytest.raises(LeadlineError, match="'sgment' has no adapter, expected one of amplitude, "):
        _import(settings, path, source="sgment")
    with pytest.raises(FileUnreadable, match="no such file"):
        _import(settings, tmp_path / "b.jsonl")


def test_topics_that_are_not_there_are_told_before_anything_is_read(
    empty_kafka: str, settings: PlatformSettings, tmp_path: Path
) -> None:
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": empty_kafka})
    admin.delete_topics(["raw.product"])["raw.product"].result(30)
    wait_until(lambda: "raw.product" not in admin.list_topics(timeout=10).topics, "the topic to go")
    with pytest.raises(SettingsError, match="leadline init"):
        _import(settings, write_lines(tmp_path / "a.jsonl", [call(1)]))


def test_standard_input_is_a_file_too(settings: PlatformSettings) -> None:
    with _command(settings, "-", "--source", "segment") as process:
        csv = b"type,messageId,userId,event,timestamp\ntrack,m1,u1,Report Exported,2025-03-01T00:00:00Z\n"
        shown, _ = process.communicate(csv, timeout=60)
    assert process.returncode == 0, shown
    (record,) = read_topic(settings.kafka_bootstrap_servers, "raw.product")
    assert msgspec.json.decode(record.value)["messageId"] == "m1"


def _some_is_sent(settings: PlatformSettings) -> bool:
    notes = (settings.home / FOLDER).glob("*.json")
    return any(msgspec.json.decode(note.read_bytes())["sent"] for note in notes)


@pytest.mark.parametrize("told_as", [KeyboardInterrupt, TypeError, SystemError])
def test_ctrl_c_is_told_as_such_however_kafka_s_client_tells_it(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told_as: type[BaseException]
) -> None:
    def send(_: DurableProducer, *_given: object, **_named: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise told_as from None

    monkeypatch.setattr(DurableProducer, "send", send)
    status, shown = _import(settings, write_lines(tmp_path / "a.jsonl", [call(1)]))
    assert status == 130
    assert "Run the same command again: it goes on behind the 0 rows" in shown


def test_a_fault_of_the_client_is_not_taken_for_ctrl_c(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(_: DurableProducer, *_given: object, **_named: object) -> None:
        raise TypeError("of its own")

    monkeypatch.setattr(DurableProducer, "send", send)
    with pytest.raises(TypeError, match="of its own"):
        _import(settings, write_lines(tmp_path / "a.jsonl", [call(1)]))


def test_after_ctrl_c_the_same_command_goes_on(settings: PlatformSettings, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [call(number) for number in range(60_000)])
    with _command(settings, str(path), "--source", "segment") as process:
        wait_until(lambda: _some_is_sent(settings), "some to be sent")
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    assert b"Run the same command again" in shown
    assert b"Traceback" not in shown
    status, again = _import(settings, path)
    assert status == 0, again
    records = read_topic(settings.kafka_bootstrap_servers, "raw.product")
    assert {msgspec.json.decode(record.value)["messageId"] for record in records} == {f"m{n}" for n in range(60_000)}
