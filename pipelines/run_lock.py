"""One writer of a lake at a time, and a clean start for it.

Belongs here: who writes, refusing a second one by name, what a killed writer left behind. Not here:
what is written. The lock is the system's: it goes with the process, however that ends.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.clock import now
from ingestion.lake import Lake
from ingestion.vault import Vault

UNFINISHED = "restore.unfinished"
"""Stands in a home while it is being restored."""
MIN_FREE_BYTES = 200 << 20
_SWEPT = ("bronze", "silver", "identity", "reference", "scratch")
_held: set[Path] = set()


class Busy(RuntimeError):
    """Another command writes this lake."""


class NotRestored(RuntimeError):
    """A restore into this home was stopped before its end."""


class DiskFull(RuntimeError):
    """There is too little room to begin."""


@contextmanager
def writing(lake: Lake, command: str) -> Iterator[None]:
    """Hold the lake for one writing command; a command that this process calls within it passes.

    Args:
        command: As the user knows it, e.g. `yigong run`.

    Raises:
        Busy: somebody else writes; the message names command, process and since when.
        KeysUnfit: the keys are not those of the lake.
        NotRestored: a restore has not come to its end.
        DiskFull: less than `MIN_FREE_BYTES` are free.
    """
    path = lake.home / "locks" / "run.lock"
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(_holder(path)) from None
        require_room(lake.home)
        if (lake.home / UNFINISHED).exists():
            raise NotRestored(f"{lake.home} 的恢复没有完成；请重新运行 yigong restore")
        Vault(lake.home).close()
        if path.stat().st_size:  # its last holder did not come to an end
            sweep(lake)
        stream.truncate(0)
        said = {"command": command, "pid": os.getpid(), "since": f"{now():%Y-%m-%d %H:%M:%S}"}
        stream.write(json.dumps(said))
        stream.flush()
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
            stream.truncate(0)


def require_room(home: Path, needed: int = MIN_FREE_BYTES) -> None:
    """Raise `DiskFull` when less than `needed` bytes are free."""
    free = shutil.disk_usage(home).free
    if free < needed:
        raise DiskFull(
            f"磁盘空间不足：{home} 所在磁盘只剩 {free >> 20} MB，至少需要 {needed >> 20} MB；"
            "请清理或扩容后重新运行，已记账的数据不受影响"
        )


def sweep(lake: Lake) -> int:
    """Remove what a killed writer left under temporary names; returns how many."""
    swept = 0
    for folder in _SWEPT:
        for path in (lake.home / folder).rglob(".*.tmp"):
            path.unlink(missing_ok=True)
            swept += 1
    for path in lake.published.glob(".v*"):
        shutil.rmtree(path, ignore_errors=True)
        swept += 1
    return swept


def _holder(path: Path) -> str:
    try:
        said = json.loads(path.read_text())
        who = f"{said['command']}（进程 {said['pid']}，{said['since']} 开始）"
    except (OSError, ValueError, KeyError):
        who = "另一个命令"
    return f"数据湖正在被 {who} 使用；请等它结束后再运行"
