"""Files that members drop into the inbox. Knows nothing of what is in them.

A file is taken once and whole: it must have rested for `SETTLE_SECONDS`, and its size and time must
be the same before and after it was read; otherwise it is left for the next look. Hidden and `.tmp`,
`.part` files are somebody's work in progress. A file or folder that cannot be read, or a link that
leaves the inbox, is left with its reason and stops nothing else.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion.entity import ZONE
from ingestion.transports import CHUNK_BYTES, Arrival, Changed, Left, Why

SETTLE_SECONDS = 2.0
HELD_BYTES = 64 << 20
"""A file up to this size is read once and held; a larger one is passed over in chunks."""
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:"
    r"(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?(?:\d{4}|\d{6})?"  # 202606, 20260611, 20260611093000
    r"|[-_.年](1[0-2]|0?[1-9])(?:[-_.月]([12]\d|3[01]|0?[1-9]))?"  # 2026-06-11, 2026年6月
    r")(?!\d)"
)
_DIGITS = re.compile(r"(\d+)")
_UNFINISHED = (".tmp", ".part", ".filepart", ".crdownload")


@dataclass(frozen=True)
class Waiting:
    """A file as it was first seen."""

    path: Path
    name: str
    bytes: int
    modified_ns: int
    changed_ns: int
    looked_at: float


class Directory:
    """One inbox for the length of one run."""

    def __init__(self, inbox: Path, *, settle: float = SETTLE_SECONDS) -> None:
        self.inbox = inbox
        self.settle = settle
        self.left: list[Left] = []
        self._home = os.path.realpath(inbox)
        self._folders: dict[str, bool] = {}

    def waiting(
        self, feed: str, pattern: str, seen: set[tuple[str, int, int]]
    ) -> Sequence[Waiting]:
        """Files of a pattern not yet taken, in the order in which they were sent, as far as date
        and name say it (`file_order`); `CSV` matches `csv`."""
        found = []
        for path in self._matching(pattern):
            name = name_of(path, self.inbox)
            try:
                if self._leaves(path):
                    self._leave(feed, name, "link_outside")
                    continue
                known = path.stat()
            except FileNotFoundError:
                self._leave(feed, name, "vanished")
                continue
            except OSError as error:
                self._leave(feed, name, "unreadable", error.strerror or "")
                continue
            if not stat.S_ISREG(known.st_mode):
                continue
            if (name, known.st_size, known.st_mtime_ns) not in seen:
                found.append(
                    Waiting(
                        path, name, known.st_size, known.st_mtime_ns, known.st_ctime_ns,
                        time.time(),
                    )
                )  # fmt: skip
        return sorted(found, key=lambda one: file_order(one.name, one.modified_ns))

    def take(self, feed: str, waiting: Sequence[object]) -> Iterator[Arrival]:
        """Read them in order, after one wait for all that were touched just now."""
        files = [one for one in waiting if isinstance(one, Waiting)]
        if files:
            time.sleep(max(0.0, max(self._rest(one) for one in files)))
        for one in files:
            if (arrival := self._read(feed, one)) is not None:
                yield arrival

    def unclaimed(self, patterns: Sequence[str]) -> list[Left]:
        """Everything in the inbox that no pattern matches, and folders that cannot be read."""
        by_folder: dict[str, list[str]] = {}
        for pattern in patterns:
            folder, _, name = pattern.rpartition("/")
            by_folder.setdefault(folder, []).append(name.lower())
        found: list[Left] = []
        self._walk(self.inbox, by_folder, found)
        return found

    def _walk(self, folder: Path, patterns: dict[str, list[str]], found: list[Left]) -> None:
        here = "" if folder == self.inbox else name_of(folder, self.inbox)
        wanted = [n for f, names in patterns.items() if fnmatchcase(here, f) for n in names]
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        except OSError as error:
            found.append(Left("", here or ".", "folder_unreadable", error.strerror or ""))
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._walk(Path(entry.path), patterns, found)
            elif not any(fnmatchcase(entry.name.lower(), name) for name in wanted) and not (
                entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED)
            ):
                found.append(Left("", name_of(Path(entry.path), self.inbox), "unmatched"))

    def _matching(self, pattern: str) -> list[Path]:
        folder, _, name = pattern.rpartition("/")
        wanted = name.lower()
        folders = self.inbox.glob(folder) if "*" in folder else [self.inbox / folder]
        found = []
        for place in folders:
            try:
                names = [entry.name for entry in os.scandir(place)]
            except OSError:  # told once, by `unclaimed`
                continue
            found += [
                place / n
                for n in names
                if fnmatchcase(n.lower(), wanted)
                and not n.startswith(".")
                and not n.lower().endswith(_UNFINISHED)
            ]
        return found

    def _leaves(self, path: Path) -> bool:
        """Whether a link on the way, or the file itself, leads out of the inbox."""
        folder = str(path.parent)
        if folder not in self._folders:
            self._folders[folder] = self._inside(folder)
        return not self._folders[folder] or (path.is_symlink() and not self._inside(path))

    def _inside(self, path: str | Path) -> bool:
        real = os.path.realpath(path)
        return real == self._home or real.startswith(self._home + os.sep)

    def _rest(self, one: Waiting) -> float:
        """Seconds still to wait. A time in the future says nothing: then it is the one at which the
        file came to lie here, or at the latest the first look."""
        touched = one.modified_ns / 1e9
        if touched > one.looked_at:
            touched = min(one.changed_ns / 1e9, one.looked_at)
        return self.settle - (time.time() - touched)

    def _read(self, feed: str, one: Waiting) -> Arrival | None:
        try:
            return self._whole(one)
        except Changed:
            self._leave(feed, one.name, "changing")
        except FileNotFoundError:
            self._leave(feed, one.name, "vanished")
        except OSError as error:
            self._leave(feed, one.name, "unreadable", error.strerror or "")
        return None

    def _whole(self, one: Waiting) -> Arrival:
        if one.bytes <= HELD_BYTES:
            data = b"".join(_chunks(one))
            digest = hashlib.sha256(data).hexdigest()
            return Arrival.of(one.name, data, digest, one.modified_ns)
        running = hashlib.sha256()
        for chunk in _chunks(one):
            running.update(chunk)
        digest = running.hexdigest()

        def again() -> Iterator[bytes]:
            check = hashlib.sha256()
            for chunk in _chunks(one):
                check.update(chunk)
                yield chunk
            if check.hexdigest() != digest:
                raise Changed(one.name)

        return Arrival(one.name, digest, one.bytes, one.modified_ns, again)

    def _leave(self, feed: str, name: str, why: Why, detail: str = "") -> None:
        self.left.append(Left(feed, name, why, detail))


def file_order(name: str, modified_ns: int) -> tuple[str, list[tuple[int, int, str]], str]:
    """Sort key of files that wait together: their date, then their name.

    The date is the last one that the name says (`20260611`, `2026-06-11`, `202606`, `2026年6月`),
    else the minute in which the file was last written. Names are read as people count: `part2`
    before `part10`, and `visits` before `visits_2` whatever the ending.
    """
    stem = name.rpartition(".")[0] or name
    said = [
        f"{year}{int(month or month_apart):02}{(day or day_apart).rjust(2, '0')}".removesuffix("00")
        for year, month, day, month_apart, day_apart in _DATE.findall(stem.rpartition("/")[2])
    ]
    written = datetime.fromtimestamp(modified_ns / 1e9, ZoneInfo(ZONE))
    pieces = [
        (0, int(piece), "") if piece.isdecimal() else (1, 0, piece)
        for piece in _DIGITS.split(stem)
        if piece
    ]
    return (said[-1] if said else f"{written:%Y%m%d%H%M}", pieces, name)


def name_of(path: Path, inbox: Path) -> str:
    """Where a file lies in the inbox. A name that is no UTF-8 is read as GB 18030, as Windows
    shares in China write it, or else shown byte by byte."""
    raw = os.fsencode(path.relative_to(inbox).as_posix())
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "backslashreplace")


def _chunks(one: Waiting) -> Iterator[bytes]:
    """The content as it was first seen.

    Raises:
        Changed: size or time differ from the first look, before, while or after reading.
    """
    with one.path.open("rb") as stream:
        _require_same(one, os.fstat(stream.fileno()))
        left = one.bytes
        while left > 0:
            chunk = stream.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise Changed(one.name)
            left -= len(chunk)
            yield chunk
        _require_same(one, os.fstat(stream.fileno()))
    _require_same(one, one.path.stat())


def _require_same(one: Waiting, now: os.stat_result) -> None:
    if (now.st_size, now.st_mtime_ns) != (one.bytes, one.modified_ns):
        raise Changed(one.name)
