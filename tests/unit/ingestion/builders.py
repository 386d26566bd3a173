"""Small contracts and source tables for tests of conforming and booking."""

import polars as pl

from ingestion.contract import Contract
from ingestion.formats.source import position_schema
from tests.demo import DEMO

HYPERTENSION = {
    "feed": "clinic__his__hypertension",
    "label_zh": "测试随访",
    "member": "653999T01",
    "owner": "测试",
    "format": "tabular",
    "location": {"kind": "directory", "pattern": "clinic/*.csv"},
    "arrives": {"every": "day"},
    "entity": "hypertension_visit",
    "fields": {
        "visit_id": {"from": "随访编号"},
        "visited_date": {"from": "随访日期"},
        "visit_mode_code": {"from": "方式"},
        "systolic_mmhg": {"from": "收缩压"},
        "diastolic_mmhg": {"from": "舒张压"},
    },
    "person": {
        "local_id": {"from": "档案号"},
        "person_name": {"from": "姓名"},
        "id_number": {"from": "身份证号"},
        "sex_code": {"from": "性别"},
        "birth_date": {"from": "出生日期"},
        "phone": {"from": "电话"},
    },
}


def contract(**changes: object) -> Contract:
    return Contract.model_validate({**HYPERTENSION, "codes": DEMO.codes, **changes})


def visit(number: int = 1, **changes: str) -> dict[str, str]:
    """One source row of the follow-up table, all values as text."""
    row = {
        "随访编号": f"F{number:04d}", "随访日期": "2026-03-05", "方式": "1",
        "收缩压": "130", "舒张压": "80", "档案号": f"A{number:04d}", "姓名": "阿依古丽·买买提",
        "身份证号": "", "性别": "2", "出生日期": "1960-01-01", "电话": "10012345678",
    }  # fmt: skip
    return {**row, **changes}


def table(*rows: dict[str, str]) -> pl.DataFrame:
    frame = pl.DataFrame(list(rows))
    return frame.with_columns(
        _file=pl.lit(0),
        _record=pl.int_range(1, pl.len() + 1),
        _item=pl.lit(0),
    ).cast(position_schema())
