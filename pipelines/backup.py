"""A lake's backup: sealed, incremental, verified; and the lake again from it.

A backup folder holds `objects/` (parts of files, sealed with the lake's key, named by the SHA-256
of what they hold) and `snapshots/` (sealed lists of files, one a backup). A part that is there
already is not written again, and a file whose size and time are those of the last snapshot is not
read again. The sealing key itself is not in it: whoever has the folder and not the key has nothing.

Belongs here: which files, how they are kept, and bringing them back. Not here: sealing
(`ingestion/seal.py`), the commands (`backup_cli.py`).
Decision: docs/decisions/0012-sealed-bronze-and-backup.md.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ingestion.agreement import require_agreement
from ingestion.choice import site_folder
from ingestion.clock import now
from ingestion.lake import Lake, write_bytes
from ingestion.ledger import Ledger
from ingestion.seal import Damaged, Sealer
from ingestion.vault import KeysUnfit, Vault, key_check, sealing_key
from pipelines.progress import Step, report
from pipelines.run_lock import UNFINISHED

PART_BYTES = 32 << 20
KEEP = 30
PURPOSE = "backup"
FOLDERS = ("bronze", "silver", "retired", "identity", "reference", "terminology", "superset")
FILES = ("lake.yml", "ledger.sqlite", "vault.sqlite", "left_lying.json", "keys/token.key")
LEFT_OUT = (".tmp", ".pending", "-wal", "-shm", "-journal")
MAY_STAND = ("inbox", "keys", "logs", "dagster", "locks", "dbt", "superset.log")
"""What an empty home may hold already: nothing of the lake's content."""
_MARK, _SQLITE = "backup.json", b"SQLite format 3\0"


class BackupUnfit(RuntimeError):
    """The folder is no backup of this lake, is damaged, or the home is not empty."""


@dataclass(frozen=True)
class Entry:
    """One file: the parts it is made of, by digest; for a link its target and no parts."""

    path: str
    bytes: int = 0
    modified_ns: int = 0
    parts: tuple[str, ...] = ()
    link: str = ""


@dataclass(frozen=True)
class BackupRun:
    """What one backup or check did. `written_bytes` are new, `skipped` files were there before."""

    snapshot: str
    files: int
    bytes: int
    skipped: int = 0
    written_bytes: int = 0
    seconds: float = 0.0


def back_up(lake: Lake, folder: Path, *, keep: int = KEEP) -> BackupRun:
    """Add a snapshot of the lake to a backup folder; the caller holds the lake (`run_lock.py`).

    Args:
        keep: Snapshots to keep, this one included; parts that no snapshot names are removed.

    Raises:
        BackupUnfit: the folder holds something else, or another lake's backup.
        SilverDisagrees: the lake is not whole; a backup of it would be none.
    """
    if folder.resolve().is_relative_to(lake.home.resolve()):
        raise BackupUnfit(f"备份目录 {folder} 不能放在数据湖 {lake.home} 之内")
    with Ledger(lake.home) as ledger:
        require_agreement(lake, ledger, every_row=True)
    store = _Store.open(folder, lake.home, make=True)
    before = {entry.path: entry for entry in store.newest()[1]} if store.snapshots() else {}
    started = now()
    entries: list[Entry] = []
    skipped = written = 0
    found = list(_files(lake))
    for number, path in enumerate(found):
        name = path.relative_to(lake.home).as_posix()
        report(Step("backup", name, number, len(found)))
        old = before.get(name)
        entry, new = _taken(store, path, name, old)
        skipped += entry is old
        written += new
        entries.append(entry)
    entries += _published_link(lake)
    snapshot = f"{started:%Y%m%dT%H%M%S%f}"
    store.write(snapshot, entries)
    store.prune(keep)
    total = sum(entry.bytes for entry in entries)
    seconds = (now() - started).total_seconds()
    report(Step("backup", snapshot, len(found), len(found), f"{len(entries)} 个文件"))
    return BackupRun(snapshot, len(entries), total, skipped, written, seconds)


def verify(folder: Path, home: Path, snapshot: str | None = None) -> BackupRun:
    """Open every part of a snapshot (the newest) and compare it with its digest.

    Raises:
        BackupUnfit: no snapshot, another lake's, or a part is missing or damaged (all are named).
    """
    store = _Store.open(folder, home)
    name, entries = store.newest(snapshot)
    wrong = []
    for number, entry in enumerate(entries):
        report(Step("verify", entry.path, number, len(entries)))
        try:
            for _ in store.content(entry):
                pass
        except (Damaged, FileNotFoundError):
            wrong.append(entry.path)
    report(Step("verify", name, len(entries), len(entries), f"{len(entries)} 个文件"))
    if wrong:
        shown = "、".join(wrong[:5])
        raise BackupUnfit(f"备份 {name} 中 {len(wrong)} 个文件损坏或缺失：{shown}")
    return BackupRun(name, len(entries), sum(entry.bytes for entry in entries))


def restore(folder: Path, home: Path, snapshot: str | None = None) -> BackupRun:
    """Bring a snapshot (the newest) back into an empty home and prove that it is whole.

    A stop in the middle leaves a mark: no command but this one works on such a home.

    Raises:
        BackupUnfit: the home is not empty, or the backup is another lake's or damaged.
        KeysUnfit: the sealing key is not there; it is never part of a backup.
    """
    started = now()
    home.mkdir(parents=True, exist_ok=True)
    mark = home / UNFINISHED
    strange = [p.name for p in home.iterdir() if p.name not in MAY_STAND]
    if strange and not mark.exists():
        raise BackupUnfit(
            f"{home} 不是空目录（有 {'、'.join(sorted(strange)[:5])}）；请恢复到空的 YIGONG_HOME"
        )
    store = _Store.open(folder, home)
    name, entries = store.newest(snapshot)
    mark.touch()
    for number, entry in enumerate(entries):
        report(Step("restore", entry.path, number, len(entries)))
        try:
            _put(store, home, entry)
        except (Damaged, FileNotFoundError) as error:
            raise BackupUnfit(f"备份 {name} 中 {entry.path} 损坏或缺失：{error}") from None
    lake = Lake(home)
    Vault(home).close()
    with Ledger(home) as ledger:
        if not ledger.balanced():
            raise BackupUnfit(f"备份 {name} 的台账不平")
        require_agreement(lake, ledger, every_row=True)
    mark.unlink()
    report(Step("restore", name, len(entries), len(entries), f"{len(entries)} 个文件"))
    total, seconds = sum(e.bytes for e in entries), (now() - started).total_seconds()
    return BackupRun(name, len(entries), total, seconds=seconds)


def _files(lake: Lake) -> Iterator[Path]:
    """What a lake cannot do without, its county's folder included if it lies inside. Not: the
    inbox (not yet taken), the warehouse and dbt's work (built anew), older published versions,
    logs, and the sealing key."""
    roots = [lake.home / folder for folder in FOLDERS]
    county = site_folder(lake.home)
    if county and county.is_relative_to(lake.home):
        roots.append(county)
    current = lake.published / "current"
    if current.is_symlink():
        roots.append(lake.published / current.readlink())
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(LEFT_OUT):
                yield path
    yield from (path for name in FILES if (path := lake.home / name).is_file())


def _published_link(lake: Lake) -> list[Entry]:
    current = lake.published / "current"
    if not current.is_symlink():
        return []
    return [Entry("published/current", link=str(current.readlink()))]


def _taken(store: "_Store", path: Path, name: str, old: Entry | None) -> tuple[Entry, int]:
    """The file's entry and the bytes newly written for it."""
    stat = path.stat()
    with _as_it_stands(path) as (source, is_database):
        same = old is not None and (old.bytes, old.modified_ns) == (stat.st_size, stat.st_mtime_ns)
        if old is not None and same and not is_database:
            return old, 0
        parts, size, written = [], 0, 0
        with source.open("rb") as stream:
            while part := stream.read(PART_BYTES):
                digest = hashlib.sha256(part).hexdigest()
                written += store.put(digest, part)
                parts.append(digest)
                size += len(part)
    return Entry(name, size, stat.st_mtime_ns, tuple(parts)), written


@contextmanager
def _as_it_stands(path: Path) -> Iterator[tuple[Path, bool]]:
    """The file, or for a SQLite database a copy made by its own means, and which of the two."""
    with path.open("rb") as stream:
        is_database = stream.read(len(_SQLITE)) == _SQLITE
    if not is_database:
        yield path, False
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
        copy = Path(folder) / path.name
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        yield copy, True


def _put(store: "_Store", home: Path, entry: Entry) -> None:
    path = home / entry.path
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if entry.link:
        path.unlink(missing_ok=True)
        path.symlink_to(entry.link)
        return
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        for part in store.content(entry):
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())
    os.utime(temporary, ns=(entry.modified_ns, entry.modified_ns))
    temporary.replace(path)


@dataclass(frozen=True)
class _Store:
    """A backup folder, opened with the key that seals it."""

    folder: Path
    sealer: Sealer

    @classmethod
    def open(cls, folder: Path, home: Path, *, make: bool = False) -> "_Store":
        """Raises:
        KeysUnfit: there is no sealing key.
        BackupUnfit: the folder is no backup, or was sealed with another key.
        """
        said = {"format": 1, "key_check": key_check(sealing_key(home), PURPOSE)}
        mark = folder / _MARK
        if not mark.exists():
            if not make:
                raise BackupUnfit(f"{folder} 里没有备份")
            if folder.exists() and any(folder.iterdir()):
                raise BackupUnfit(f"{folder} 不是空目录，也不是备份目录")
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_bytes(json.dumps(said).encode(), mark)
        found = json.loads(mark.read_text("utf-8"))
        if found.get("key_check") != said["key_check"]:
            raise KeysUnfit(
                f"密钥与备份 {folder} 不符：请放回封存该备份的 vault.key（YIGONG_VAULT_KEY）"
            )
        return cls(folder, Sealer(home, PURPOSE))

    def put(self, digest: str, part: bytes) -> int:
        """Keep a part unless it is there; returns the bytes written."""
        path = self._object(digest)
        if path.exists():
            return 0
        sealed = self.sealer.seal(part, digest)
        write_bytes(sealed, path)
        return len(sealed)

    def content(self, entry: Entry) -> Iterator[bytes]:
        """The parts of a file, each proved.

        Raises:
            Damaged: a part is not what was kept.
            FileNotFoundError: a part is gone.
        """
        for digest in entry.parts:
            part = self.sealer.open(self._object(digest).read_bytes(), digest)
            if hashlib.sha256(part).hexdigest() != digest:
                raise Damaged(entry.path)
            yield part

    def snapshots(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "snapshots").glob("*.sealed"))

    def newest(self, snapshot: str | None = None) -> tuple[str, list[Entry]]:
        """Name and entries of a snapshot, by default the newest."""
        known = self.snapshots()
        if not known or (snapshot and snapshot not in known):
            raise BackupUnfit(
                f"{self.folder} 里没有备份 {snapshot or ''}；已有：{'、'.join(known) or '无'}"
            )
        name = snapshot or known[-1]
        try:
            plain = self.sealer.open(self._snapshot(name).read_bytes(), name)
        except Damaged as error:
            raise BackupUnfit(f"备份清单损坏：{error}；请用 --at 选较早的备份") from None
        rows: list[dict[str, Any]] = json.loads(plain)
        return name, [Entry(**{**row, "parts": tuple(row["parts"])}) for row in rows]

    def write(self, snapshot: str, entries: list[Entry]) -> None:
        rows = [asdict(entry) for entry in entries]
        plain = json.dumps(rows, ensure_ascii=False).encode()
        write_bytes(self.sealer.seal(plain, snapshot), self._snapshot(snapshot))

    def prune(self, keep: int) -> None:
        """Forget older snapshots and the parts that only they named."""
        known = self.snapshots()
        for old in known[:-keep]:
            self._snapshot(old).unlink()
        wanted = {
            digest
            for name in known[-keep:]
            for entry in self.newest(name)[1]
            for digest in entry.parts
        }
        for path in (self.folder / "objects").glob("*/*"):
            if path.name not in wanted:
                path.unlink()

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / digest

    def _snapshot(self, name: str) -> Path:
        return self.folder / "snapshots" / f"{name}.sealed"


def copy_key(key: Path, home: Path) -> None:
    """Put the sealing key where the lake looks for it, unless it is there."""
    target = home / "keys" / "vault.key"
    if not key.is_file():
        raise KeysUnfit(f"密钥文件 {key} 不存在")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(key, target)
        target.chmod(0o600)
