"""`yigong rules`: the thresholds, windows and code sets in force, and what changed when.

Belongs here: words to functions, results to tables or JSON. Not here: what a rule is
(`standards/dated_rules.py`).
"""

from datetime import date
from typing import Annotated, Any

import typer

from pipelines import console
from pipelines.cli_reading import JsonFlag, open_county


def register(app: typer.Typer) -> None:
    app.command()(rules)


def rules(
    rule: Annotated[str | None, typer.Argument(help="只看这条规则（英文名）")] = None,
    on: Annotated[str | None, typer.Option(help="只看这一天执行的，如 2026-03-31")] = None,
    json: JsonFlag = False,
) -> None:
    """口径规则：界值、时限和代码范围，各版本从哪一天起执行，出处与核实程度。

    县目录 rules/ 里的同名规则代替产品自带的。改规则写新版本（versions 加一项），不改旧的：
    以前的服务仍按当时的规则计算。
    """
    from ingestion.terminology_file import as_day
    from pipelines.site import dated_rules

    known = dated_rules(open_county().site)
    if rule is not None and rule not in known:
        raise ValueError(f"没有规则 {rule}；现有：{'、'.join(known)}")
    day = as_day(on)
    found = [
        row for row in rule_rows(known)
        if rule in (None, row["rule"]) and (day is None or row["from"] <= day <= row["to"])
    ]  # fmt: skip
    if json:
        console.print_json(found)
        return
    console.print_table(
        f"口径规则 {len({row['rule'] for row in found})} 条",
        [{**row, "to": None if row["to"].year == date.max.year else row["to"]} for row in found],
        {
            "rule": "规则", "label": "名称", "said": "内容", "from": "执行自", "to": "至",
            "confidence_name": "核实程度", "source": "出处",
        },
    )  # fmt: skip


def rule_rows(known: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a rule and version: its numbers or codes as a line, days, source, confidence."""
    from standards.catalogue import CONFIDENCE_NAME

    return [
        {
            "rule": name,
            "label": rule.label_zh,
            "said": "；".join(
                [f"{v.label_zh} {v.value:g} {v.unit}" for v in version.values]
                or [f"{rule.code_system}：{'、'.join(version.codes)}"]
            ),
            "from": version.valid_from,
            "to": last_day,
            "confidence": version.confidence,
            "confidence_name": CONFIDENCE_NAME[version.confidence],
            "source": version.source,
        }
        for name, rule in known.items()
        for version, last_day in rule.periods()
    ]
