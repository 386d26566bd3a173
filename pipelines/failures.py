"""Failures as one line that says what to do, and an exit code. Not here: commands (`cli.py`)."""

import errno
import logging
import shutil
import sqlite3
from pathlib import Path

from pipelines import console
from pipelines.settings import home

_CODES = {
    "LedgerOutOfBalance": 4,
    "UnbalancedLedger": 4,
    "SilverDisagrees": 4,
    "NothingPublished": 5,
    "BuildFailed": 6,
}
NEARLY_FULL_BYTES = 20 << 20
_PLACE = {
    errno.EROFS: "是只读的",
    errno.EACCES: "无权访问",
    errno.EPERM: "不允许写入",
    errno.ENOENT: "不存在或无法创建",
    errno.ENOTDIR: "不是文件夹",
}


def report(error: Exception) -> int:
    """Print what went wrong and give the exit code."""
    if hasattr(error, "show"):  # a usage error explains itself
        error.show()
        return 2
    name = type(error).__name__
    if name == "CriticalFailure":
        from pipelines.steps import describe

        console.errors.print("[bold red]关键检查未通过，未发布：[/]")
        for outcome in error.outcomes:  # type: ignore[attr-defined]
            console.errors.print(f"  ✘ {describe(outcome)}", markup=False)
        return 3
    if logging.getLogger().handlers:  # before there is a log file the line must do
        logging.getLogger(__name__).error("failed", exc_info=error)
    say(_environment(error) or _own_words(name, str(error)))
    return _CODES.get(name, 1)


def say(text: str) -> None:
    console.errors.print(f"错误：{text}", markup=False, style="red", soft_wrap=True)


def _own_words(name: str, text: str) -> str:
    """A message in Chinese speaks for itself; another one is named."""
    return text if any("\u4e00" <= mark <= "\u9fff" for mark in text) else f"{name}：{text}"


def _environment(error: Exception) -> str | None:
    """What is wrong with the machine rather than with the data, whoever noticed it."""
    if type(error).__name__ == "DiskFull":
        return None
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or _free_bytes() < NEARLY_FULL_BYTES:
        place = getattr(error, "filename", None) or home()
        return (
            f"磁盘已满：{place} 所在磁盘没有空间；请清理或扩容后重新运行，"
            "未记账的文件会自动重新接入"
        )
    if isinstance(error, OSError) and error.errno in _PLACE:
        place = str(error.filename or home())
        advice = "；请检查 YIGONG_HOME 的位置与权限后重新运行" if _within_home(place) else ""
        return f"{place} {_PLACE[error.errno]}{advice}"
    if isinstance(error, sqlite3.OperationalError) and "readonly" in str(error):
        return f"{home()} 是只读的；请检查 YIGONG_HOME 的位置与权限后重新运行"
    if isinstance(error, sqlite3.DatabaseError) and "malformed" in str(error):
        return f"{home()} 中的台账或保险库已损坏；请用 yigong restore 从备份恢复"
    return None


def _within_home(place: str) -> bool:
    return Path(place).is_relative_to(home()) or home().is_relative_to(place)


def _free_bytes() -> int:
    try:
        return shutil.disk_usage(home()).free
    except OSError:
        return NEARLY_FULL_BYTES
