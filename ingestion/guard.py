"""No file stops another: reading with a cap on memory and time.

A batch is read in this process, under an alarm. Where that fails, where one file is a batch of its
own size, or where an earlier run died over the same files, it is read file by file in a process
apart (`python -m ingestion.guard`) that may take `memory_limit()` bytes and, for each file,
`patience()` seconds; a file that dies there becomes a problem of its own and the next one is read.

Belongs here: who reads, and within what limits. Not here: what is read (`parse.py`).
"""

import json
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import polars as pl

from ingestion import bronze
from ingestion.contract import Contract
from ingestion.formats.source import FILE, Parsed, Problem, SourceFile
from ingestion.lake import Lake
from ingestion.parse import parse
from ingestion.transports import Arrival

BATCH_BYTES = 64 << 20
MAX_FILE_BYTES = 1 << 30
COSTLY = frozenset({"too_costly", "reader_failed", "file_too_large"})
"""Reason codes of files that are never read in this process again."""
START_SECONDS = 60.0
BASE_SECONDS = 30.0
SECONDS_PER_MEGABYTE = 1.0
"""The slowest format reads 5 MB/s on a quiet core (docs/benchmarks.md)."""
_LENGTH = struct.Struct("<q")
_READY, _DONE, _FAILED = "ready", "done", "failed"


def memory_limit() -> int:
    """Bytes of address space of the process apart: `YIGONG_FILE_MEMORY_MB`, default 6144."""
    return int(os.environ.get("YIGONG_FILE_MEMORY_MB", "6144")) << 20


def patience(size: int) -> float:
    """Seconds that reading so many bytes may take: `YIGONG_FILE_SECONDS` and one a megabyte."""
    base = float(os.environ.get("YIGONG_FILE_SECONDS", BASE_SECONDS))
    return base + SECONDS_PER_MEGABYTE * size / 1e6


class TooSlow(Exception):
    """Reading took longer than it may."""


class Underway:
    """Remembers on disk which files a batch holds while it is taken, so that a run after one that
    died over them (and could not say why) reads them in a process apart."""

    def __init__(self, lake: Lake, feed: str) -> None:
        self._path = lake.home / "locks" / f"{feed}.underway"
        self._before: set[str] = set()

    def __enter__(self) -> "Underway":
        if self._path.exists():
            self._before = set(self._path.read_text("ascii").split())
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)

    def take(self, arrivals: Sequence[Arrival]) -> None:
        self._path.write_text("\n".join(a.digest for a in arrivals), "ascii")

    def died_over(self, arrivals: Sequence[Arrival]) -> bool:
        return any(a.digest in self._before for a in arrivals)


def parse_batch(
    home: Path,
    contract: Contract,
    files: Iterable[SourceFile],
    paths: Sequence[Path],
    sizes: Sequence[int],
    *,
    apart: bool = False,
) -> Parsed:
    """What a batch holds: read here where that is safe, else in a process apart.

    Args:
        home: The lake's folder.
        files: Its files, made only when they are read here.
        paths: Where bronze keeps the same files, in order.
        sizes: Bytes of each, in order.
        apart: Do not try here.
    """
    limit = int(contract.options.get("max_bytes", MAX_FILE_BYTES))
    if len(sizes) == 1 and sizes[0] > limit:
        return _failure("file_too_large", f"{sizes[0]} bytes")
    if not apart and sum(sizes) <= BATCH_BYTES:
        parsed = parse_in_time(contract, list(files))
        if parsed is not None:
            return parsed
    return parse_apart(home, contract, paths, sizes)


def parse_kept(
    lake: Lake, contract: Contract, batch_id: str, *, apart: bool = False
) -> tuple[Parsed, list[bronze.Kept]]:
    """What a batch of bronze holds, read with this contract, and the files it consists of; nothing
    where it was withdrawn.

    Raises:
        KeyError: bronze does not hold the batch.
    """
    paths = bronze.paths(lake, contract.feed, batch_id)
    kept = bronze.contents(lake, contract.feed, batch_id)
    if bronze.is_withdrawn(lake, contract.feed, batch_id):
        return Parsed({}, [], [0] * len(kept)), kept
    sizes = [one.byte_count for one in kept]
    files = bronze.files(lake.home, paths)
    return parse_batch(lake.home, contract, files, paths, sizes, apart=apart), kept


def parse_in_time(contract: Contract, files: Sequence[SourceFile]) -> Parsed | None:
    """Read a batch here; None when a reader raised or took too long."""
    try:
        with _alarm(patience(sum(len(file.data) for file in files))):
            return parse(contract, files)
    except Exception:  # whatever it is, the process apart finds out which file it was
        return None


def parse_apart(
    home: Path, contract: Contract, paths: Sequence[Path], sizes: Sequence[int]
) -> Parsed:
    """Read the files of one batch of bronze one by one in a process apart.

    Args:
        home: The lake's folder.
        paths: The batch's files of bronze.
        sizes: Bytes of each of its files, in order.

    Raises:
        RuntimeError: the process apart cannot even start.
    """
    found: list[Parsed] = []
    while len(found) < len(sizes):
        found += _read_some(home, contract, paths, sizes, len(found))
    return _joined(found)


def _read_some(
    home: Path, contract: Contract, paths: Sequence[Path], sizes: Sequence[int], start: int
) -> Iterator[Parsed]:
    """Files from `start` on, until the last one or the first that dies."""
    order = {
        "home": str(home), "contract": contract.model_dump(mode="json", by_alias=True),
        "paths": [str(path) for path in paths], "start": start, "memory": memory_limit(),
    }  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-m", "ingestion.guard"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parent.parent, env=os.environ | {"POLARS_MAX_THREADS": "2"},
    )  # fmt: skip
    try:
        assert child.stdin and child.stdout
        child.stdin.write(json.dumps(order).encode())
        child.stdin.close()
        if _receive(child.stdout, START_SECONDS + patience(sum(sizes))) is None:
            raise RuntimeError("读取进程无法启动")
        for size in sizes[start:]:
            try:
                answer = _receive(child.stdout, patience(size))
            except TooSlow:
                yield _failure("too_costly", f"over {patience(size):.0f} s")
                return
            if answer is None:
                yield _failure("too_costly", f"over {memory_limit() >> 20} MB or a crash")
                return
            kind, value = answer
            yield value if kind == _DONE else _failure(*value)
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def _failure(code: str, detail: str) -> Parsed:
    return Parsed({}, [Problem(0, 0, 0, code, detail)], [0])


def _joined(parts: Sequence[Parsed]) -> Parsed:
    """Results of single files as that of a batch."""
    tables: dict[str, list[pl.DataFrame]] = {}
    problems: list[Problem] = []
    empty: list[Problem] = []
    for number, part in enumerate(parts):
        for name, table in part.tables.items():
            tables.setdefault(name, []).append(
                table.with_columns(pl.lit(number, pl.Int32()).alias(FILE))
            )
        problems += [_of_file(p, number) for p in part.problems]
        empty += [_of_file(p, number) for p in part.empty]
    whole = {name: pl.concat(frames) for name, frames in tables.items()}
    return Parsed(whole, problems, [sum(part.records) for part in parts], empty)


def _of_file(problem: Problem, number: int) -> Problem:
    return Problem(number, problem.record, problem.item, problem.code, problem.detail)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise `TooSlow` in here after so long; only the main thread can be interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TooSlow

    handler = signal.signal(signal.SIGALRM, ring)
    before = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)


def _receive(stream: IO[bytes], seconds: float) -> tuple[str, Any] | None:
    """The next answer of the process apart; None when it has died."""
    ready, _, _ = select.select([stream], [], [], seconds)
    if not ready:
        raise TooSlow
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    body = stream.read(_LENGTH.unpack(length)[0])
    answer: tuple[str, Any] = pickle.loads(body)
    return answer


def _serve(send: Callable[[tuple[str, Any]], None]) -> None:
    """The process apart: read what the order names and answer file by file."""
    order = json.load(sys.stdin)
    contract = Contract.model_validate(order["contract"])
    memory = order["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    files = bronze.files(Path(order["home"]), [Path(path) for path in order["paths"]])
    send((_READY, None))
    for file in islice(files, order["start"], None):
        try:
            send((_DONE, parse(contract, [file])))
        except MemoryError:
            send((_FAILED, ("too_costly", f"over {memory >> 20} MB")))
        except Exception as error:
            send((_FAILED, ("reader_failed", type(error).__name__)))


def main() -> None:
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing but answers goes to the parent

    def send(answer: tuple[str, Any]) -> None:
        body = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
        out.write(_LENGTH.pack(len(body)))
        out.write(body)
        out.flush()

    _serve(send)


if __name__ == "__main__":
    main()
