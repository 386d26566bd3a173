"""An invented published warehouse: the tables and columns the cockpit reads, for the tests.

Belongs here: the fixture county's figures. Does not belong here: anything about Superset.
"""

from __future__ import annotations

import json
import math
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

MONTHS = [date(2026, month, 1) for month in range(1, 7)]
LEVEL_NAMES = {
    "county": "县域",
    "consortium": "医共体",
    "hospital": "县级医院",
    "township": "乡镇卫生院",
    "village": "村卫生室",
    "bureau": "管理机构",
}
# organization_id, name, level, parent, monthly outpatient visits
ORGANIZATIONS: list[tuple[str, str, str, str | None, int]] = [
    ("653999", "云泉县", "county", None, 0),
    ("653999C01", "云泉县紧密型医共体", "consortium", "653999", 0),
    ("653999H01", "云泉县人民医院", "hospital", "653999C01", 640),
    ("653999H02", "云泉县中医医院", "hospital", "653999C01", 310),
    ("653999T01", "阿克塔什镇卫生院", "township", "653999C01", 260),
    ("653999T02", "塔勒德乡卫生院", "township", "653999C01", 210),
    ("653999V01", "阿克塔什镇一村卫生室", "village", "653999T01", 74),
    ("653999V02", "阿克塔什镇二村卫生室", "village", "653999T01", 58),
    ("653999V03", "阿克塔什镇三村卫生室", "village", "653999T01", 43),
    ("653999V04", "塔勒德乡一村卫生室", "village", "653999T02", 66),
    ("653999V05", "塔勒德乡二村卫生室", "village", "653999T02", 49),
    ("653999V06", "塔勒德乡三村卫生室", "village", "653999T02", 35),
    ("653999B01", "云泉县医疗保障局", "bureau", "653999", 0),
    ("653999W01", "云泉县卫生健康委员会", "bureau", "653999", 0),
]
PARENT = {row[0]: row[3] for row in ORGANIZATIONS}
NAME = {row[0]: row[1] for row in ORGANIZATIONS}
LEVEL = {row[0]: row[2] for row in ORGANIZATIONS}
SERVING = [row[0] for row in ORGANIZATIONS if row[4]]
BEDS = {"653999H01": 42, "653999H02": 24, "653999T01": 10, "653999T02": 8}
CENTRES = {"653999T01": (81.32, 43.61), "653999T02": (81.58, 43.74)}

# id, name, system, unit, direction, definition, source, levels it applies to
INDICATORS: list[tuple[str, str, str, str, str, str, str, set[str]]] = [
    ("CM24-07", "县域内基层医疗卫生机构诊疗人次数占比", "医共体监测", "%", "越高越好",
     "基层医疗卫生机构（含村卫生室）诊疗人次 ÷ 县域内医疗卫生机构总诊疗人次 ×100%",
     "紧密型县域医共体监测指标体系（2024版）",
     {"county", "consortium", "hospital", "township", "village"}),
    ("CM24-11", "参保人员县域内住院人次占比", "医共体监测", "%", "越高越好",
     "参保人员县域内住院人次 ÷ 参保人员住院总人次 ×100%",
     "紧密型县域医共体监测指标体系（2024版）", {"county"}),
    ("CM24-12", "县域内中医诊疗人次占比", "医共体监测", "%", "越高越好",
     "中医诊疗人次 ÷ 县域内总诊疗人次 ×100%", "紧密型县域医共体监测指标体系（2024版）",
     {"county", "consortium", "hospital", "township", "village"}),
    ("SEC-01", "出院患者手术占比", "二级医院绩效监测", "%", "监测",
     "出院患者手术人次 ÷ 同期出院患者总人次 ×100%", "二级公立医院绩效监测操作手册（2025）",
     {"county", "consortium", "hospital"}),
    ("SEC-13", "平均住院日", "二级医院绩效监测", "天", "监测",
     "出院者占用总床日数 ÷ 同期出院人数", "二级公立医院绩效监测操作手册（2025）",
     {"county", "consortium", "hospital"}),
    ("PRI-22", "病床使用率", "基层机构绩效考核", "%", "监测",
     "实际占用总床日数 ÷ 实际开放总床日数 ×100%", "国卫办基层发〔2020〕9号",
     {"county", "consortium", "township"}),
    ("PRI-23", "平均住院日", "基层机构绩效考核", "天", "监测",
     "出院者占用总床日数 ÷ 同期出院人数", "国卫办基层发〔2020〕9号",
     {"county", "consortium", "township"}),
    ("BPH-14", "高血压患者规范管理率", "基本公共卫生服务", "%", "越高越好",
     "按规范要求进行管理的人数 ÷ 年内已管理人数 ×100%", "国家基本公共卫生服务规范（第三版）",
     {"county", "consortium", "township", "village"}),
    ("BPH-15", "管理人群血压控制率", "基本公共卫生服务", "%", "越高越好",
     "最近一次随访血压达标人数 ÷ 年内已管理人数 ×100%", "国家基本公共卫生服务规范（第三版）",
     {"county", "consortium", "township", "village"}),
    ("BPH-17", "2型糖尿病患者规范管理率", "基本公共卫生服务", "%", "越高越好",
     "按规范要求进行管理的人数 ÷ 年内已管理人数 ×100%", "国家基本公共卫生服务规范（第三版）",
     {"county", "consortium", "township", "village"}),
    ("BPH-18", "管理人群血糖控制率", "基本公共卫生服务", "%", "越高越好",
     "最近一次随访空腹血糖达标人数 ÷ 年内已管理人数 ×100%",
     "国家基本公共卫生服务规范（第三版）", {"county", "consortium", "township", "village"}),
]  # fmt: skip
FEEDS = [
    ("county_hospital__his__adt", "人民医院 入出转", "653999H01", "hl7v2"),
    ("county_hospital__lis__results", "人民医院 检验结果", "653999H01", "hl7v2"),
    ("county_hospital__emr__documents", "人民医院 电子病历文档", "653999H01", "cda"),
    ("county_hospital__pacs__images", "人民医院 影像", "653999H01", "dicom"),
    ("tcm_hospital__his__adt", "中医医院 入出转", "653999H02", "hl7v2"),
    ("tcm_hospital__his__front_pages", "中医医院 病案首页", "653999H02", "database"),
    ("township_a__his__visits", "阿克塔什镇 就诊", "653999T01", "tabular"),
    ("township_b__his__visits", "塔勒德乡 就诊", "653999T02", "tabular"),
    ("village_rooms__his__visits", "村卫生室 就诊", "653999T01", "tabular"),
    ("township_a__public_health__hypertension", "阿克塔什镇 高血压随访", "653999T01", "cda"),
    ("township_b__public_health__diabetes", "塔勒德乡 糖尿病随访", "653999T02", "tabular"),
    ("insurance_bureau__settlement__settlements", "医保局 住院结算", "653999B01", "tabular"),
]
DISEASES = ["循环系统疾病", "呼吸系统疾病", "内分泌、营养和代谢疾病", "消化系统疾病",
            "肌肉骨骼系统和结缔组织疾病", "泌尿生殖系统疾病", "皮肤和皮下组织疾病",
            "神经系统疾病", "损伤、中毒和外因的某些其他后果", "眼和附器疾病", "肿瘤",
            "某些传染病和寄生虫病"]  # fmt: skip


def ancestors(organization_id: str) -> list[str]:
    """The organization itself and everything above it, nearest first."""
    chain: list[str] = []
    current: str | None = organization_id
    while current is not None:
        chain.append(current)
        current = PARENT[current]
    return chain


def subtree(organization_id: str) -> list[str]:
    """The organization itself and everything below it."""
    return [row[0] for row in ORGANIZATIONS if organization_id in ancestors(row[0])]


def _ring(longitude: float, latitude: float, radius: float, seed: int) -> str:
    chance = random.Random(seed)
    points = []
    for step in range(18):
        angle = 2 * math.pi * step / 18
        reach = radius * chance.uniform(0.82, 1.12)
        points.append(
            [round(longitude + reach * 1.35 * math.cos(angle), 5),
             round(latitude + reach * math.sin(angle), 5)]
        )  # fmt: skip
    return json.dumps([*points, points[0]])


def _service_rows(chance: random.Random) -> list[dict[str, Any]]:
    rows = []
    for organization_id, name, level, _parent, base in ORGANIZATIONS:
        if not base:
            continue
        for index, month in enumerate(MONTHS):
            visits = round(base * (1 + 0.03 * index) * chance.uniform(0.93, 1.07))
            beds = BEDS.get(organization_id, 0)
            open_days = beds * 30
            occupied = round(open_days * chance.uniform(0.58, 0.88))
            discharges = round(occupied / (7.6 if level == "hospital" else 6.1))
            rows.append({
                "organization_id": organization_id, "organization_name": name,
                "organization_level": level, "organization_level_name": LEVEL_NAMES[level],
                "month": month, "outpatient_visits": visits,
                "tcm_visits": round(visits * (0.7 if organization_id.endswith("H02") else 0.14)),
                "admissions": discharges + chance.randint(-2, 3) if beds else 0,
                "discharges": discharges, "discharge_bed_days": occupied - chance.randint(0, 9)
                if beds else 0, "occupied_bed_days": occupied, "open_bed_days": open_days,
                "outpatient_fee_yuan": round(visits * chance.uniform(58, 210), 2),
                "prescriptions": round(visits * 0.8), "laboratory_results": round(visits * 2.4)
                if level != "village" else 0,
            })  # fmt: skip
    return rows


def _chronic_rows(chance: random.Random) -> list[dict[str, Any]]:
    rows = []
    for organization_id in SERVING:
        if LEVEL[organization_id] == "hospital":
            continue
        for disease, base in (("高血压", 96), ("2型糖尿病", 41)):
            for index, month in enumerate(MONTHS):
                managed = round(base * (0.62 + 0.07 * index) * chance.uniform(0.9, 1.05))
                rows.append({
                    "organization_id": organization_id,
                    "organization_name": NAME[organization_id], "month": month,
                    "disease_name": disease, "managed": managed,
                    "standard": round(managed * (0.66 + 0.02 * index)),
                    "controlled": round(managed * (0.55 + 0.012 * index)),
                })  # fmt: skip
    return rows


def _parts(
    indicator: str, inside: list[str], month: date, service: list[dict[str, Any]],
    chronic: list[dict[str, Any]],
) -> tuple[float, float]:  # fmt: skip
    """Numerator and denominator of one indicator over a set of organizations and one month."""
    rows = [r for r in service if r["organization_id"] in inside and r["month"] == month]

    def total(column: str, levels: set[str] | None = None) -> float:
        return float(sum(r[column] for r in rows
                         if levels is None or r["organization_level"] in levels))  # fmt: skip

    def chronic_total(column: str, disease: str) -> float:
        return float(sum(
            r[column] for r in chronic
            if r["organization_id"] in inside and r["month"] == month
            and r["disease_name"] == disease
        ))  # fmt: skip

    primary = {"township", "village"}
    match indicator:
        case "CM24-07":
            return total("outpatient_visits", primary), total("outpatient_visits")
        case "CM24-11":
            stays = total("discharges")
            return stays, stays + 14 + month.month
        case "CM24-12":
            return total("tcm_visits"), total("outpatient_visits")
        case "SEC-01":
            return round(total("discharges", {"hospital"}) * 0.31), total(
                "discharges", {"hospital"}
            )
        case "SEC-13":
            return total("discharge_bed_days", {"hospital"}), total("discharges", {"hospital"})
        case "PRI-22":
            return total("occupied_bed_days", primary), total("open_bed_days", primary)
        case "PRI-23":
            return total("discharge_bed_days", primary), total("discharges", primary)
        case "BPH-14":
            return chronic_total("standard", "高血压"), chronic_total("managed", "高血压")
        case "BPH-15":
            return chronic_total("controlled", "高血压"), chronic_total("managed", "高血压")
        case "BPH-17":
            return chronic_total("standard", "2型糖尿病"), chronic_total("managed", "2型糖尿病")
        case _:
            return chronic_total("controlled", "2型糖尿病"), chronic_total("managed", "2型糖尿病")


def _indicator_rows(
    service: list[dict[str, Any]], chronic: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    rows = []
    for identifier, name, system, unit, direction, definition, source, levels in INDICATORS:
        for organization_id, organization_name, level, _parent, _base in ORGANIZATIONS:
            for month in MONTHS:
                state, numerator, denominator = "ok", None, None
                if level not in levels:
                    state = "not_applicable"
                elif identifier == "SEC-01" and organization_id.endswith("H02") and month.month > 4:
                    state = "no_feed"
                else:
                    numerator, denominator = _parts(
                        identifier, subtree(organization_id), month, service, chronic
                    )
                    if not denominator:
                        state, numerator, denominator = "not_applicable", None, None
                value = numerator / denominator if denominator and numerator is not None else None
                rows.append({
                    "indicator_id": identifier, "indicator_name": name, "system_name": system,
                    "organization_id": organization_id, "organization_name": organization_name,
                    "organization_level": level, "organization_level_name": LEVEL_NAMES[level],
                    "period": f"{month:%Y-%m}", "period_kind": "month", "month": month,
                    "numerator": numerator, "denominator": denominator, "value": value,
                    "value_percent": value * 100 if value is not None and unit == "%" else value,
                    "unit_name": unit, "direction_name": direction, "state": state,
                    "state_name": {"ok": "正常", "no_feed": "无数据源",
                                   "not_applicable": "不适用"}[state],
                    "definition": definition, "confidence_name": "官方核实",
                    "source": source, "definition_version": 1,
                    "is_latest_month": month == MONTHS[-1],
                })  # fmt: skip
    years = [
        {**row, "period": "2026", "period_kind": "year", "month": MONTHS[0],
         "is_latest_month": False}
        for row in rows if row["month"] == MONTHS[-1]
    ]  # fmt: skip
    return rows + years


def _other_rows(
    service: list[dict[str, Any]], chance: random.Random
) -> dict[str, list[dict[str, Any]]]:
    now = datetime(2026, 7, 1, 6, 30)
    feeds = []
    for index, (feed, label, organization_id, form) in enumerate(FEEDS):
        received = chance.randint(300, 9000)
        quarantined = chance.randint(0, 24)
        duplicate = chance.randint(0, 40)
        late = index == 10
        days = 23.0 if late else round(chance.uniform(0.2, 1.4), 1)
        feeds.append({
            "feed": feed, "feed_label": label, "organization_id": organization_id,
            "organization_name": NAME[organization_id], "format": form, "received": received,
            "accepted": received - quarantined - duplicate, "quarantined": quarantined,
            "duplicate": duplicate,
            "accepted_rate": (received - quarantined - duplicate) / received,
            "state": "late" if late else "ok", "state_name": "迟到" if late else "正常",
            "last_received_at": now - timedelta(days=days), "freshness_days": days,
        })  # fmt: skip
    areas, diseases = [], []
    for row in service:
        organization_id = row["organization_id"]
        common = {k: row[k] for k in ("organization_id", "organization_name", "month")}
        if row["organization_level"] in ("township", "village"):
            if row["organization_level"] == "township":
                (longitude, latitude), radius = CENTRES[organization_id], 0.045
            else:
                parent = PARENT[organization_id] or ""
                turn = 2 * math.pi * (int(organization_id[-1]) % 3) / 3 + 0.5
                longitude = CENTRES[parent][0] + 0.125 * math.cos(turn)
                latitude = CENTRES[parent][1] + 0.085 * math.sin(turn)
                radius = 0.036
            seed = sum(map(ord, organization_id))
            areas.append({
                **common, "boundary_ring": _ring(longitude, latitude, radius, seed),
                **{column: sum(r[column] for r in service if r["month"] == row["month"]
                               and r["organization_id"] in subtree(organization_id))
                   for column in ("outpatient_visits", "discharges")},
            })  # fmt: skip
        for rank, disease in enumerate(DISEASES):
            count = round(row["outpatient_visits"] * 0.24 / (rank + 1.4) * chance.uniform(0.8, 1.2))
            if count:
                diseases.append({**common, "diagnosis_chapter": disease, "diagnosis_count": count})
    closure = [
        {"organization_id": row[0], "ancestor_id": ancestor, "distance": distance}
        for row in ORGANIZATIONS
        for distance, ancestor in enumerate(ancestors(row[0]))
    ]
    organizations = [
        {"organization_id": row[0], "organization_name": row[1], "organization_level": row[2],
         "parent_organization_id": row[3]}
        for row in ORGANIZATIONS
    ]  # fmt: skip
    publication = [
        {"version": 1, "published_at": now, "data_through": date(2026, 6, 30),
         "quality_state": "186 项通过"}
    ]  # fmt: skip
    return {
        "feed_status": feeds, "service_area": areas, "disease_month": diseases,
        "organization_ancestor": closure, "organization": organizations,
        "publication": publication,
    }  # fmt: skip


TYPES = {
    "month": "date", "data_through": "date", "published_at": "timestamp",
    "last_received_at": "timestamp with time zone", "outpatient_fee_yuan": "decimal(18,2)",
    "numerator": "double", "denominator": "double", "value": "double", "value_percent": "double",
    "accepted_rate": "double", "freshness_days": "double", "is_latest_month": "boolean",
    "definition_version": "bigint", "version": "integer", "distance": "integer",
    **dict.fromkeys(
        ["outpatient_visits", "tcm_visits", "admissions", "discharges", "discharge_bed_days",
         "occupied_bed_days", "open_bed_days", "prescriptions", "laboratory_results", "received",
         "accepted", "quarantined", "duplicate", "diagnosis_count", "managed", "standard",
         "controlled"], "bigint"),
}  # fmt: skip


def tables() -> dict[str, list[dict[str, Any]]]:
    """Every table of the warehouse as rows; the same on every call."""
    chance = random.Random(7)
    service = _service_rows(chance)
    chronic = _chronic_rows(chance)
    return {
        "indicator_display": _indicator_rows(service, chronic),
        "service_month": service,
        "chronic_month": chronic,
        **_other_rows(service, chance),
    }


def write_warehouse(home: Path) -> Path:
    """Publish version 1 under a data home, as the pipeline does; gives the DuckDB file."""
    folder = home / "published" / "v1"
    folder.mkdir(parents=True)
    path = folder / "county.duckdb"
    with duckdb.connect(str(path)) as connection:
        for table, rows in tables().items():
            columns = list(rows[0])
            shape = ", ".join(f"{name} {TYPES.get(name, 'varchar')}" for name in columns)
            connection.execute(f"create table {table} ({shape})")
            connection.register("rows", pa.Table.from_pylist(rows))
            connection.execute(f"insert into {table} select {', '.join(columns)} from rows")
            connection.unregister("rows")
    (home / "published" / "current").symlink_to("v1")
    return path
