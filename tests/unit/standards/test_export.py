"""Reference tables hold every fact once and have their promised shape."""

from datetime import date
from pathlib import Path

import polars as pl

from ingestion.crosswalk import Codes
from ingestion.entity import entities
from standards.export import BOOKED, SCHEMAS, export_reference


def test_every_reference_table_but_those_of_the_ledger_is_written(tmp_path: Path) -> None:
    export_reference(tmp_path, {}, entities())
    written = {path.stem for path in (tmp_path / "reference").glob("*.parquet")}
    assert written == set(SCHEMAS) - set(BOOKED)
    for name in written:
        frame = pl.read_parquet(tmp_path / "reference" / f"{name}.parquet")
        assert dict(frame.schema) == SCHEMAS[name]


def test_codes_keep_their_leading_zeros(tmp_path: Path) -> None:
    export_reference(tmp_path, {}, entities())
    code = pl.read_parquet(tmp_path / "reference" / "code.parquet")
    han = code.filter((pl.col("code_system") == "ethnicity") & (pl.col("name") == "汉族"))
    assert han["code"].to_list() == ["01"]


def test_a_code_that_the_county_adds_has_its_name_beside_the_standard_ones(tmp_path: Path) -> None:
    table = tmp_path / "site" / "code_tables" / "sex.csv"
    table.parent.mkdir(parents=True)
    table.write_text("code,name\n7,本县自定\n", "utf-8")
    export_reference(tmp_path, {}, entities(), codes=Codes(tmp_path / "site"))
    code = pl.read_parquet(tmp_path / "reference" / "code.parquet")
    found = code.filter(code_system="sex").select("code", "name").rows()
    assert {("1", "男性"), ("7", "本县自定")} <= set(found)


def test_indicator_names_are_chinese_for_readers(tmp_path: Path) -> None:
    export_reference(tmp_path, {}, entities())
    indicator = pl.read_parquet(tmp_path / "reference" / "indicator.parquet")
    assert indicator["indicator_id"].is_unique().all()
    names = dict(indicator.select("confidence", "confidence_name").iter_rows())
    assert names["secondary"] == "见于二手来源"
    assert names["own"] == "本平台自定"
    assert indicator.select(pl.col("unit_name").is_in(["%", "天", "元"]).all()).item()


def test_codes_say_when_they_are_valid_and_below_which_they_stand(tmp_path: Path) -> None:
    export_reference(tmp_path, {}, entities())
    code = pl.read_parquet(tmp_path / "reference" / "code.parquet")
    flu = code.filter(code_system="infectious_disease", name="人感染新亚型流感")
    assert flu.select("parent", "valid_from", "valid_to").rows() == [("2", date(2025, 9, 1), None)]
