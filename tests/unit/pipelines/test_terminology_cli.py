"""Official lists are loaded into the lake, and decisions on codes come back from a workbook."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from ingestion.choice import choose_site
from ingestion.lake import Lake
from ingestion.terminology_file import sheet_rows
from pipelines import cli
from tests.demo import DEMO

FEED, FOLDER = "township_a__his__diagnoses", "township_a_diagnoses"
LIST = """国家临床版（测试）
序号,疾病编码,疾病名称,类目编码
1,I10,高血压,
2,I10.x00,原发性高血压,I10
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def yigong(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """The `yigong` command on a lake of the demo site; gives exit code and what it said."""
    choose_site(home, DEMO)
    before = dict(os.environ)
    os.environ["YIGONG_HOME"] = str(home)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["yigong", *words])
        capsys.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return int(code), out + err

    yield run
    os.environ.clear()
    os.environ.update(before)


def sent(home: Path) -> None:
    """The sample of the feed waits in the inbox."""
    target = Lake.open(home).inbox / FOLDER
    target.mkdir(parents=True)
    shutil.copy(DEMO.folder / "samples" / f"{FEED}.csv", target / "1.csv")
    os.utime(target / "1.csv", (1_700_000_000, 1_700_000_000))


def official(tmp_path: Path, text: str = LIST) -> str:
    path = tmp_path / "icd10.csv"
    path.write_bytes(text.encode("gb18030"))
    return str(path)


def fill(sheet: Path, source_code: str, code: str) -> None:
    """What a person writes into the last column of one row."""
    rows = sheet_rows(sheet)
    with xlsxwriter.Workbook(str(sheet)) as book:
        cells = book.add_worksheet()
        cells.write_row(0, 0, rows[0].keys())
        for number, row in enumerate(rows, start=1):
            mine = row["本地代码"] == source_code
            cells.write_row(number, 0, [*list(row.values())[:-1], code if mine else ""])


def test_a_list_is_found_below_its_title_and_kept_with_version_parent_and_source(
    yigong: Run, tmp_path: Path, home: Path
) -> None:
    code, said = yigong(
        "terminology", "load", "icd10_clinical", official(tmp_path), "--version", "2.0",
        "--valid-from", "2020-01-01", "--json",
    )  # fmt: skip
    assert (code, json.loads(said)["added"]) == (0, 2)
    codes = Lake.open(home).site.codes
    assert codes.terminology("icd10_clinical")["I10.x00"] == "原发性高血压"
    (edition,) = codes.editions("icd10_clinical")
    assert codes.loaded
    assert codes.loaded.table(edition)["parent"].to_list() == [None, "I10"]
    listed = json.loads(yigong("terminology", "list", "--json")[1])
    (mine,) = (row for row in listed if row["system"] == "icd10_clinical")
    assert (mine["version"], mine["rows"], mine["confidence"]) == ("2.0", 2, "见于二手来源")
    assert mine["columns"] > 10


def test_a_preview_writes_nothing(yigong: Run, tmp_path: Path, home: Path) -> None:
    file = official(tmp_path)
    code, said = yigong("terminology", "load", "icd10_clinical", file, "--preview")
    assert (code, "预览，未写入" in said) == (0, True)
    assert not Lake.open(home).site.codes.editions("icd10_clinical")


def test_a_workbook_with_a_column_mapping_and_attributes(
    yigong: Run, tmp_path: Path, home: Path
) -> None:
    path = tmp_path / "icd9.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("目录")
        sheet.write_row(0, 0, ["主码", "手术名", "手术级别", "类别"])
        sheet.write_row(1, 0, ["47.0100", "腹腔镜阑尾切除术", "三级", "手术"])
    code, _ = yigong(
        "terminology", "load", "icd9cm3_clinical", str(path), "--column", "code=主码", "--column",
        "name=手术名",
    )  # fmt: skip
    assert code == 0
    codes = Lake.open(home).site.codes
    assert codes.loaded
    rows = codes.loaded.table(codes.editions("icd9cm3_clinical")[0])
    assert json.loads(rows["attributes"][0]) == {"category": "手术", "level": "三级"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("甲,乙\n1,2\n", "找不到编码列与名称列"),
        (LIST + "3,,无编码,\n", "缺少编码或名称"),
        (LIST + "3,I10,另一名称,\n", "同一编码有两个名称"),
        (LIST + "3,高血压,名称,\n", "编码不合该表的写法"),
    ],
)
def test_a_wrong_file_is_one_clear_line(
    yigong: Run, tmp_path: Path, text: str, complaint: str
) -> None:
    code, said = yigong("terminology", "load", "icd10_clinical", official(tmp_path, text))
    assert code == 1
    assert complaint in said
    assert "Traceback" not in said


def test_an_unknown_system_names_the_close_ones(yigong: Run, tmp_path: Path) -> None:
    code, said = yigong("terminology", "load", "icd10", official(tmp_path))
    assert (code, "icd10_clinical" in said) == (1, True)


def test_two_versions_differ_and_the_day_decides(yigong: Run, tmp_path: Path, home: Path) -> None:
    load = ("terminology", "load", "icd10_clinical")
    old = official(tmp_path)
    assert yigong(*load, old, "--version", "1", "--valid-to", "2025-12-31")[0] == 0
    new = official(tmp_path, LIST.replace("I10.x00,原发性", "I10.x01,继发性"))
    assert yigong(*load, new, "--version", "2", "--valid-from", "2026-01-01")[0] == 0
    changes = json.loads(yigong("terminology", "diff", "icd10_clinical", "--json")[1])
    assert set(changes["added"]) == {"I10.x01"}
    assert set(changes["gone"]) == {"I10.x00"}
    loaded = Lake.open(home).site.codes.loaded
    assert loaded
    days = [pl.date(2025, 6, 1), pl.date(2026, 6, 1)]
    found = [loaded.names("icd10_clinical", on=pl.select(day).item()) for day in days]
    assert ["I10.x00" in names for names in found] == [True, False]


def test_loading_a_list_makes_its_feeds_lag_and_a_filled_workbook_maps_their_codes(
    yigong: Run, tmp_path: Path, home: Path
) -> None:
    """List, lag, unmapped codes, workbook, decision, heal: without touching project or site."""
    sent(home)
    assert yigong("ingest", "--feed", FEED)[0] == 0
    lake = Lake.open(home)
    values = pl.read_parquet(lake.silver("diagnosis") / "*" / f"{FEED}--*.parquet")
    odd = next(v for v in values["diagnosis_code"] if v != "I10.x00")
    assert yigong("terminology", "load", "icd10_clinical", official(tmp_path))[0] == 0
    status = json.loads(yigong("status", "--json")[1])
    (mine,) = (feed for feed in status["feeds"] if feed["feed"] == FEED)
    assert mine["changed_definitions"] == ["terminology/icd10_clinical"]
    assert yigong("conform", FEED, "--again")[0] == 0
    sheet = tmp_path / "unmapped.xlsx"
    assert yigong("terminology", "unmapped", "--out", str(sheet))[0] == 0
    fill(sheet, odd, "Z99")
    code, said = yigong("terminology", "unmapped", "--read", str(sheet))
    assert (code, "不在代码表 icd10_clinical 中" in said) == (1, True)
    fill(sheet, odd, "I10")
    assert yigong("terminology", "unmapped", "--read", str(sheet))[0] == 0
    assert yigong("conform", FEED, "--again")[0] == 0
    values = pl.read_parquet(lake.silver("diagnosis") / "*" / f"{FEED}--*.parquet")
    assert odd not in values["diagnosis_code"]
    assert "I10" in values["diagnosis_code"]
    left = json.loads(yigong("terminology", "unmapped", "--json")[1])
    assert odd not in {one["source_code"] for one in left}
