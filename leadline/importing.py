"""The import of files, as a person at the console sees it."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event
from types import FrameType, TracebackType
from typing import Self

from rich.console import Console, Group
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ingestion.decode import DEFAULT_ACCOUNT, MAX_BYTES
from ingestion.errors import DeliveryFailed
from ingestion.importer.inputs import Input, find_inputs
from ingestion.importer.known_at import KnownAt
from ingestion.importer.message import MessageMaker
from ingestion.importer.progress import ProgressFile
from ingestion.importer.run import Import
from ingestion.importer.tally import Meter, Tally
from ingestion.kafka import DurableProducer, partition_count
from ingestion.settings import PlatformSettings
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import Adapter
from leadline.errors import LeadlineError

FOLDER = "imports"  # below the home: how far unfinished imports have come, and what they sort
CTRL_C = 130  # a shell's status for it
FILES_SHOWN = 40
LAST_PATIENCE = timedelta(seconds=5)


def import_files(
    settings: PlatformSettings,
    files: Sequence[str],
    *,
    source: str,
    account: str | None,
    known_at: KnownAt,
    console: Console,
) -> int:
    """Send the rows of files to their raw topic, with progress, then what became of each file.

    Returns:
        0 if every row of every file was sent, 1 if not, 130 after Ctrl-C.
    """
    adapter, inputs, account = _adapter(source), find_inputs(files), account or DEFAULT_ACCOUNT
    bootstrap, scratch = settings.kafka_bootstrap_servers, settings.home / FOLDER
    partition_count(bootstrap, adapter.SOURCE.topic)  # there must be such a topic, before anything is read
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    progress = ProgressFile(scratch, inputs, bootstrap, settings.tenant, source, account, known_at)
    if before := progress.done.sent:
        console.print(f"An earlier run of this import has sent {before:,} rows; this one goes on behind them.")
    maker = MessageMaker(adapter, account, settings.as_tenant(), known_at, progress.done.began)
    with closing(DurableProducer(bootstrap)) as producer, _Bars(inputs, console) as bars:
        running = Import(inputs, maker, producer, progress, scratch=scratch, watch=bars.show)
        ended = _run(running, producer)
    console.print(_told(running.tallies, adapter))
    if ended is not None:
        return _interrupted(ended, running.meter, progress, scratch, console)
    console.print(f"They are on {adapter.SOURCE.topic}, from where `leadline ingest` takes them.", highlight=False)
    return 1 if any(_is_bad(tally) for tally in running.tallies) else 0


def _run(running: Import, producer: DurableProducer) -> BaseException | None:
    """Run to the end, or to what ends it early."""
    with _ctrl_c() as pressed:
        try:
            running.run()
            return None
        except (KeyboardInterrupt, DeliveryFailed, OSError) as error:
            ended: BaseException = error
        except (TypeError, SystemError):  # as Kafka's client tells what a signal raised while it was at work
            if not pressed.is_set():
                raise
            ended = KeyboardInterrupt()
        with suppress(DeliveryFailed):
            producer.flush(LAST_PATIENCE)  # what is on its way
        return ended


@contextmanager
def _ctrl_c() -> Iterator[Event]:
    """Tells whether Ctrl-C was pressed, which interrupts as ever."""
    pressed = Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _adapter(source: str) -> Adapter:
    if source not in ADAPTERS:
        raise LeadlineError(f"source {source!r} has no adapter, expected one of {', '.join(sorted(ADAPTERS))}")
    return ADAPTERS[source]


def _interrupted(ended: BaseException, meter: Meter, progress: ProgressFile, scratch: Path, console: Console) -> int:
    """Say why the import ended early and what to do; the status to exit with."""
    if isinstance(ended, OSError):
        console.print(f"{scratch}: {ended.strerror}. Sorting needs as much room as the files unpacked: make some, or")
        console.print("set LEADLINE_HOME to a folder on another disk.")
    elif isinstance(ended, DeliveryFailed):
        console.print(Text(str(ended), style="red"))
    sent = meter.sent + meter.sent_before
    if progress.is_kept:
        console.print(f"Unfinished. Run the same command again: it goes on behind the {sent:,} rows that Kafka has.")
    else:
        console.print(f"Unfinished; Kafka has {sent:,} rows. Send it all again: what comes twice is dropped.")
    return CTRL_C if isinstance(ended, KeyboardInterrupt) else 1


class _Bars:
    """Two bars: how much was read, how much was sent."""

    def __init__(self, inputs: Sequence[Input], console: Console) -> None:
        stamps = [given.stamp for given in inputs]
        self._size = None if None in stamps else sum(stamp[1] for stamp in stamps if stamp)
        told = TextColumn("{task.fields[told]}")
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), told, TimeRemainingColumn(), console=console
        )
        self._reading = self._bars.add_task("reading", total=self._size, told="")
        self._sending = self._bars.add_task("sending", total=None, told="")

    def show(self, meter: Meter) -> None:
        """Move the bars."""
        of = "" if self._size is None else f" of {decimal(self._size)}"
        self._bars.update(self._reading, completed=meter.bytes_read, told=f"{decimal(meter.bytes_read)}{of}")
        speed = next(task.speed for task in self._bars.tasks if task.id == self._sending) or 0.0
        self._bars.update(
            self._sending,
            completed=meter.sent_before + meter.sent,
            total=meter.messages,
            told=f"{meter.sent_before + meter.sent:,} rows · {speed:,.0f} rows/s · "
            f"refused: {meter.objected:,} to quarantine, {meter.too_large:,} too large",
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


def _told(tallies: Sequence[Tally], adapter: Adapter) -> Group:
    """What became of each file's rows, and by name and place what is wrong with some."""
    shown = tallies if len(tallies) <= FILES_SHOWN else [tally for tally in tallies if tally.objected or _is_bad(tally)]
    table = Table("file", header_style="bold", show_footer=len(tallies) > 1)
    table.columns[0].footer = f"{len(tallies):,} files"
    for heading, field in _COLUMNS.items():
        total = sum(getattr(tally, field) for tally in tallies)
        table.add_column(heading, justify="right", footer=f"{total:,}")
    for tally in shown:
        table.add_row(Text(tally.name), *(f"{getattr(tally, field):,}" for field in _COLUMNS.values()))
    return Group(table, *(line for tally in shown for line in _notes(tally, adapter)))


_COLUMNS = {"rows": "rows", "sent": "sent", "of them to quarantine": "objected", "too large": "too_large"}


def _is_bad(tally: Tally) -> bool:
    return bool(tally.fault or tally.too_large)


def _notes(tally: Tally, adapter: Adapter) -> Iterator[Text]:
    for objection in tally.objections:
        yield Text(f"{tally.name}: {objection}")
    if tally.objected == tally.rows > 0:
        yield Text(f"{tally.name}: no row is as {adapter.SOURCE.system} sends it; is --source right?", style="red")
    elif more := tally.objected - len(tally.objections):
        yield Text(f"{tally.name}: and {more:,} more rows with a fault")
    if tally.too_large:
        more_places = ", …" if tally.too_large > len(tally.too_large_at) else ""
        yield Text(
            f"{tally.name}: not sent, for a row may have {MAX_BYTES:,} bytes: "
            f"{', '.join(tally.too_large_at)}{more_places}",
            style="red",
        )
    if tally.fault:
        yield Text(f"{tally.name}: could not be read: {tally.fault}", style="red")
