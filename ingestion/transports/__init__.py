"""How files come in: one interface, one module a way of arriving.

Belongs here: what every transport gives (`Arrival`, `Left`) and which module a contract's
`location.kind` picks. Not here: what a file holds (`formats/`) or what becomes of it (`ingest.py`).
A new way (a socket, a pull, HTTP) is one module with a class of this shape and one line in
`open_transport`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from ingestion.entity import ZONE

CHUNK_BYTES = 8 << 20
"""Nothing asks a transport for more at a time."""

Why = Literal[
    "changing", "vanished", "unreadable", "link_outside", "unmatched", "folder_unreadable",
    "feed_failed", "set_aside",
]  # fmt: skip

WHY: dict[Why, str] = {
    "changing": "仍在写入，留待下次",
    "vanished": "读取前已消失",
    "unreadable": "无法读取，请检查权限或磁盘",
    "link_outside": "链接指向收件目录之外，拒绝读取",
    "unmatched": "没有契约认领",
    "folder_unreadable": "文件夹无法读取，请检查权限",
    "feed_failed": "本数据源接入中断",
    "set_aside": "已整个隔离",
}
HARMLESS: frozenset[Why] = frozenset({"changing", "unmatched"})
"""These are told and change no exit code: nothing that was agreed is missing."""


@dataclass(frozen=True)
class Left:
    """A file, or a folder, that was not taken, and why. It lies where it lay and the next run tries
    it again, unless it was `set_aside` in quarantine. `feed` is empty where no contract is known.
    """

    feed: str
    name: str
    why: Why
    detail: str = ""

    def __str__(self) -> str:
        detail = f"（{self.detail}）" if self.detail else ""
        return f"{self.feed} {self.name}".strip() + f"：{WHY[self.why]}{detail}"


class Changed(Exception):
    """The content is no longer what it was at the first look; it is left for the next one."""


@dataclass(frozen=True)
class Arrival:
    """One whole file. `name` is where it came from, with forward slashes; `digest` is SHA-256.

    `chunks` passes over the content anew each time it is called, at most `CHUNK_BYTES` a piece, and
    raises `Changed` when it is not what `digest` says any more.
    """

    name: str
    digest: str
    byte_count: int
    modified_ns: int
    chunks: Callable[[], Iterable[bytes]]

    @property
    def modified_at(self) -> datetime:
        """When it was last written, as its sender's file system says."""
        return datetime.fromtimestamp(self.modified_ns / 1e9, ZoneInfo(ZONE))

    @property
    def data(self) -> bytes:
        """The content in one piece, for formats that need it so."""
        return b"".join(self.chunks())

    @classmethod
    def of(cls, name: str, data: bytes, digest: str, modified_ns: int) -> "Arrival":
        """A file that is small enough to be held."""

        def pieces() -> Iterator[bytes]:
            for start in range(0, max(1, len(data)), CHUNK_BYTES):
                yield data[start : start + CHUNK_BYTES]

        return cls(name, digest, len(data), modified_ns, pieces)


class Transport(Protocol):
    """One way of arriving."""

    left: list[Left]
    """What was seen and not taken, as it is found."""

    def waiting(self, feed: str, pattern: str, seen: set[tuple[str, int, int]]) -> Sequence[object]:
        """What waits for a feed and is not in `seen` (name, bytes, modification time)."""

    def take(self, feed: str, waiting: Sequence[object]) -> Iterator[Arrival]:
        """Each of them whole, one after the other; what cannot be had goes to `left`."""

    def unclaimed(self, patterns: Sequence[str]) -> list[Left]:
        """What lies there and no pattern of a contract claims, or cannot be looked at."""


def open_transport(kind: str, inbox: Path, *, settle: float | None = None) -> Transport:
    """The transport of a contract's `location.kind`.

    Raises:
        ValueError: there is no such way of arriving.
    """
    from ingestion.transports.directory import SETTLE_SECONDS, Directory

    if kind == "directory":
        return Directory(inbox, settle=SETTLE_SECONDS if settle is None else settle)
    raise ValueError(f"no transport {kind}")
