"""A missing feed reads no_feed, a critical failure stops publishing, a new feed needs one file."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from county.build import build_county
from ingestion.site import SITES
from tests.end_to_end.conftest import CountyFolder, Yigong, subset


@pytest.fixture(scope="module")
def small_county(tmp_path_factory: pytest.TempPathFactory) -> CountyFolder:
    root = tmp_path_factory.mktemp("small") / "county"
    build_county(300, 2, 11, root)
    return CountyFolder(root)


@pytest.fixture(scope="module")
def without_insurance(
    tmp_path_factory: pytest.TempPathFactory, small_county: CountyFolder
) -> Yigong:
    home = tmp_path_factory.mktemp("lake")
    site = home / "site"
    shutil.copytree(SITES / "demo", site, ignore=shutil.ignore_patterns("samples"))
    command = Yigong(home, site)
    folders = [p.name for p in small_county.inbox.iterdir() if p.name != "insurance_settlements"]
    inbox = subset(folders, small_county.inbox, command.home / "somewhere")
    command("run", "--inbox", str(inbox))
    return command


def test_without_the_insurance_feed_the_in_county_share_is_no_feed(
    without_insurance: Yigong,
) -> None:
    (row,) = json.loads(
        without_insurance(
            "indicators", "--period", "2026-01", "--organization", "653999", "--json",
            "--system", "consortium_monitoring",
        )
    )[1:2]  # fmt: skip
    assert row["indicator_id"] == "CM24-11"
    assert row["state"] == "no_feed"
    assert row["value"] is None
    feeds = json.loads(without_insurance("status", "--json"))["feeds"]
    state = {f["feed"]: f["state"] for f in feeds}
    assert state["insurance_bureau__settlement__settlements"] == "no_feed"


def register(home: Path, organization_id: str, name: str, *, level: str) -> None:
    """The commission sends its register again, with one organization more."""
    folder = home / "inbox" / "commission_organizations"
    folder.mkdir(parents=True, exist_ok=True)
    row = {
        "机构代码": organization_id, "机构名称": name, "机构层级": level,
        "上级机构代码": "653999C01", "是否基层": "否", "是否中医机构": "否", "服务区边界": None,
        "生效日期": "2026-01-01", "失效日期": None,
    }  # fmt: skip
    frame = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    frame.write_excel(folder / f"机构名录_{organization_id}.xlsx", worksheet="机构")


def test_a_third_hospital_and_an_eleventh_indicator_need_one_file_each(
    without_insurance: Yigong,
) -> None:
    home = without_insurance.home
    register(home, "653999H03", "云泉县第二人民医院", level="县级医院")
    contract = {
        "feed": "second_hospital__his__visits",
        "label_zh": "县第二人民医院门诊明细",
        "member": "653999H03",
        "owner": "县第二人民医院信息科",
        "format": "tabular",
        "encoding": "utf-8",
        "location": {"kind": "directory", "pattern": "second_hospital/*.csv"},
        "arrives": {"every": "month"},
        "entity": "encounter",
        "fields": {
            "encounter_id": {"from": "门诊号"},
            "encounter_class_code": {"value": "1"},
            "started_at": {"from": "就诊时间"},
            "total_fee_yuan": {"from": "费用"},
        },
        "person": {"local_id": {"from": "病历号"}},
    }
    folder = home / "site" / "contracts" / "second_hospital"
    folder.mkdir(parents=True)
    (folder / "his_visits.yml").write_text(yaml.safe_dump(contract, allow_unicode=True), "utf-8")
    rows = [
        f"Z{n:03d},2026-{1 + n % 2:02d}-1{n % 9} 09:00:00,{20 + n}.5,B{n:03d}" for n in range(40)
    ]
    inbox = home / "inbox" / "second_hospital"
    inbox.mkdir(parents=True)
    (inbox / "a.csv").write_text("\n".join(["门诊号,就诊时间,费用,病历号", *rows]), "utf-8")
    indicator = {
        "system": "site", "name_zh": "本县自选指标", "indicators": [{
            "id": "SITE-01", "name_zh": "中医诊疗占比", "name_en": "TCM share of visits",
            "formula_zh": "中医类诊疗人次 ÷ 诊疗人次", "numerator": "tcm_outpatient_visits",
            "denominator": "outpatient_visits", "unit": "ratio", "direction": "monitor",
            "applies_to": ["hospital", "township", "village"], "requires": ["encounter"],
            "frequency": "monthly", "source": "本县规定", "confidence": "verified",
            "definition_version": 1, "valid_from": "2026-01-01",
        }],
    }  # fmt: skip
    (home / "site" / "indicators").mkdir()
    (home / "site" / "indicators" / "site.yml").write_text(
        yaml.safe_dump(indicator, allow_unicode=True), "utf-8"
    )
    without_insurance("run")
    found = json.loads(without_insurance("indicators", "--period", "2026", "--json"))
    mine = {(r["indicator_id"], r["organization_id"]): r for r in found}
    assert mine["SITE-01", "653999H03"]["denominator"] == 40
    # The new hospital sends one day in three, and not since February: its county is told so.
    county = mine["SITE-01", "653999"]
    assert (county["state"], county["covered_share"] < 1) == ("partial", True)
    assert county["reason"]
    shown = json.loads(
        without_insurance(
            "query",
            "select count(*) as n from indicator_display where indicator_id = 'SITE-01'",
            "--json",
        )
    )
    assert shown[0]["n"] > 0


def test_a_critical_failure_stops_publishing_and_names_the_rows(
    without_insurance: Yigong, tmp_path: Path
) -> None:
    command = Yigong(tmp_path / "lake")
    shutil.copytree(without_insurance.home, command.home, symlinks=True)
    version = json.loads(command("status", "--json"))["version"]
    register(command.home, "653998", "另一个县", level="县")
    said = command("run", expect=3)
    assert "organization one_county" in said
    assert "653998" in said
    assert json.loads(command("status", "--json"))["version"] == version


def test_a_warning_shows_and_passes(without_insurance: Yigong, tmp_path: Path) -> None:
    command = Yigong(tmp_path / "lake")
    shutil.copytree(without_insurance.home, command.home, symlinks=True)
    version = json.loads(command("status", "--json"))["version"]
    said = command("publish")
    assert "feeds_arrive" in said
    assert json.loads(command("status", "--json"))["version"] == version, "nothing is new"
