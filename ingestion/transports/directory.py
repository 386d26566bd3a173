"""Files that members drop into the inbox. Knows nothing of what is in them.

A file is taken once and whole: it must have rested for `SETTLE_SECONDS`, and its size and time must
be the same before and after it was read; otherwise it is left for the next look. Hidden and `.tmp`,
`.part` files are somebody's work in progress.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SETTLE_SECONDS = 2.0
_UNFINISHED = (".tmp", ".part", ".filepart", ".crdownload")


@dataclass(frozen=True)
class Arrival:
    """One whole file. `name` is relative to the inbox, with forward slashes."""

    name: str
    data: bytes
    digest: str
    modified_ns: int


def waiting(inbox: Path, pattern: str, seen: set[tuple[str, int, int]]) -> list[Path]:
    """Files of a pattern not yet taken, oldest name first."""
    found = []
    for path in sorted(inbox.glob(pattern)):
        if path.name.startswith(".") or path.suffix in _UNFINISHED or not path.is_file():
            continue
        stat = path.stat()
        if (path.relative_to(inbox).as_posix(), stat.st_size, stat.st_mtime_ns) not in seen:
            found.append(path)
    return found


def take(inbox: Path, paths: list[Path], *, settle: float = SETTLE_SECONDS) -> Iterator[Arrival]:
    """Read the files that are at rest; one that still changes is left for the next look."""
    for path in paths:
        before = path.stat()
        rest = settle - (time.time() - before.st_mtime)
        if rest > 0:
            time.sleep(min(rest, settle))
            if path.stat().st_mtime_ns != before.st_mtime_ns:
                continue
        data = path.read_bytes()
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            continue
        if len(data) != after.st_size:
            continue
        yield Arrival(
            name=path.relative_to(inbox).as_posix(),
            data=data,
            digest=hashlib.sha256(data).hexdigest(),
            modified_ns=after.st_mtime_ns,
        )
