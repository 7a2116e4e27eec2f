"""What this machine does meanwhile: CPU time of our processes and of everybody else's, read from Linux's /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

TICKS = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
_OURS = ("LEADLINE_", "KAFKA_", "MLFLOW_")


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How busy the machine was during a measurement. CPU in cores."""

    cores: int
    load_average: float  # of one minute, at the end
    ours: float
    others: float

    def __str__(self) -> str:
        return (
            f"{self.cores} cores; ours {self.ours:.2f}, other programs {self.others:.2f} cores busy; "
            f"load average {self.load_average:.1f}"
        )


class LoadMeter:
    """Started when made; `read` says what happened since."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ours, self._all = _tree_cpu(), _machine_cpu()

    def read(self) -> Load:
        """The load since the start. Ours: this process and all below it, with those that ended and were waited for."""
        seconds = time.monotonic() - self._began
        ours = (_tree_cpu() - self._ours) / seconds
        busy = (_machine_cpu() - self._all) / seconds
        return Load(
            cores=os.cpu_count() or 1,
            load_average=os.getloadavg()[0],
            ours=max(ours, 0.0),
            others=max(busy - ours, 0.0),
        )


def children() -> dict[int, list[str]]:
    """Processes that this one started, with their command lines."""
    found = {}
    for pid, parent in _parents().items():
        if parent == os.getpid():
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
    return found


def descendants(pid: int) -> set[int]:
    """A process and everything below it."""
    parents, found = _parents(), {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, with its threads, and with the children that it has waited for."""
    return sum(map(int, _stat(pid)[11:15])) / TICKS


def resident_bytes(pid: int) -> int:
    """Memory that a process holds (proc_pid_statm(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes(pid: int) -> int:
    """The most memory that a process has held so far (proc_pid_status(5)); 0 once it has ended."""
    told = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) * 1024 if told else 0


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What this thread does and starts in the `with` block runs on one of the cores that the program was given."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[core % len(_CORES)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def own_environment() -> Iterator[None]:
    """Without the caller's platform settings; what is set in the `with` block is forgotten after it."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third, the state: the second may hold spaces (proc_pid_stat(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int(_stat(int(entry.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    return found


def _tree_cpu() -> float:
    total = 0.0
    for pid in descendants(os.getpid()):
        try:
            total += cpu_seconds(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def _machine_cpu() -> float:
    """Busy time of all cores: user, nice, system, irq, softirq (proc_stat(5))."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(int(fields[place]) for place in (0, 1, 2, 5, 6)) / TICKS
