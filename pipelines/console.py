"""How the command line looks: progress, tables, JSON. Not here: what is shown (`reading.py`)."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from pipelines.progress import Step, listening

console = Console(width=None if sys.stdout.isatty() else 150)
errors = Console(stderr=True)

STAGES = {
    "county": "生成示范县",
    "ingest": "接入数据",
    "conform": "重新整理",
    "rebuild": "从青铜层重建",
    "link": "主索引",
    "check": "质量检查",
    "build": "构建资源库",
    "publish": "发布",
    "inspect": "检查文件",
    "backup": "备份",
    "verify": "校验备份",
    "restore": "恢复",
}


@contextmanager
def progress_bars(*, quiet: bool = False) -> Iterator[None]:
    """One line a stage; a bar when somebody watches, one plain line a stage end when not.

    Args:
        quiet: Nothing at all: standard output is for JSON.
    """
    if quiet:
        yield
        return
    if not console.is_terminal:
        with listening(_plain):
            yield
        return
    columns = (
        SpinnerColumn(finished_text="[green]✔[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def show(step: Step) -> None:
            label = STAGES.get(step.stage, step.stage)
            if step.stage not in tasks:
                tasks[step.stage] = progress.add_task(label, total=step.total, note="")
            progress.update(
                tasks[step.stage],
                completed=step.done,
                total=step.total,
                note=escape(f"{step.name} {step.note}"),
            )

        with listening(show):
            yield


def _plain(step: Step) -> None:
    if step.done >= step.total:
        label = STAGES.get(step.stage, step.stage)
        line = f"✔ {label} {step.done}/{step.total} {step.name} {step.note}".rstrip()
        console.print(line, markup=False)


def print_json(value: Any) -> None:
    """UTF-8 JSON on standard output, keys in their order."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=plain)
    sys.stdout.write("\n")


def print_json_line(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=plain) + "\n")


def plain(value: Any) -> Any:
    """Dates as ISO text, exact decimals as numbers."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def print_table(title: str, rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> None:
    """A table with Chinese headers: `columns` maps row keys to headers, in order."""
    table = Table(title=title, header_style="bold cyan", title_justify="left")
    for key, header in columns.items():
        number = any(isinstance(row.get(key), int | float | Decimal) for row in rows)
        table.add_column(header, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(key))) for key in columns))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, Decimal):
        return f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
