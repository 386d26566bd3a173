"""What identifies and what only looks like it; names that sound the same."""

from datetime import date

import polars as pl
import pytest

from ingestion.entity import entities
from ingestion.name_keys import name_keys
from ingestion.person_values import (
    ODD_NUMBER,
    ODD_TEXT,
    birth_date,
    number,
    only,
    person_name,
    phone,
    plain,
    repairs,
)


def one(expression: pl.Expr) -> object:
    return pl.select(expression).item()


@pytest.mark.parametrize(
    "text",
    ["无", "0", "00000", "NULL", "null", "不详", "-", "—", "空", "/", "\\N", "未知", "N/A",
     "99999999", "111111111111111111", "12345678", "6.53201197001E+17", "****", "暂无"],
)  # fmt: skip
def test_says_that_there_is_none(text: str) -> None:
    assert one(number(pl.lit(text))) is None


@pytest.mark.parametrize("text", ["B00001", "1", "11", "5555", "1001", "JK65399900926523", "X12"])
def test_is_a_number(text: str) -> None:
    assert one(number(pl.lit(text))) == text


@pytest.mark.parametrize(
    ("text", "bare"), [('="B1"', "B1"), ("'01", "01"), ("１２Ａ", "12A"), ("  ", None), ("a", "a")]
)
def test_plain_text(text: str, bare: str | None) -> None:
    assert one(plain(pl.lit(text))) == bare


@pytest.mark.parametrize(
    ("text", "name"),
    [("测 试甲", "测试甲"), ("张三 ZHANG SAN", "张三"), ("张三 三", "张三"), 
     ("JOHN SMITH", "JOHN SMITH"), ("古扎丽努尔 米娜瓦尔", "古扎丽努尔·米娜瓦尔"),
     ("买买提·依明", "买买提·依明"), ("买买提．依明", "买买提·依明"),
      ("张 三", "张三")],
)  # fmt: skip
def test_name_in_one_piece(text: str, name: str) -> None:
    assert one(person_name(pl.lit(text))) == name


@pytest.mark.parametrize(
    ("text", "day"),
    [("19790412", date(1979, 4, 12)), ("1979/4/12", date(1979, 4, 12)),
     ("1979年4月12日", date(1979, 4, 12)), ("1979.4.12", date(1979, 4, 12)),
     ("13/04/1979", date(1979, 4, 13)), ("04/05/1979", None), ("1979", None), ("28957", None),
     ("79-4-12", None), ("0001-01-01", None)],
)  # fmt: skip
def test_birth_dates(text: str, day: date | None) -> None:
    column = entities()["source_person"].columns["birth_date"]
    assert one(birth_date(pl.lit(text), column, pattern="%Y-%m-%d", compact=False)) == day


def test_phones_lose_prefix_and_marks() -> None:
    assert one(phone(pl.lit("+86 139-0000-0001"))) == "13900000001"


@pytest.mark.parametrize(
    "slip", ["110105194912310021", "11010519491231003X", "11010519492131002X", "21010519491231002X"]
)
def test_one_slip_in_an_id_number_leads_back_to_the_right_one(slip: str) -> None:
    assert "11010519491231002X" in repairs(slip)
    assert len(repairs(slip)) < 20


@pytest.mark.parametrize("wrong", ["11010549123100", "", "ABC"])
def test_what_is_no_number_of_18_has_no_repairs(wrong: str) -> None:
    assert repairs(wrong) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("张伟", "章玮"),
        ("买买提·依明", "麦麦提•伊敏"),
        ("亚森·艾力", "牙生艾里"),
        ("李 静", "黎靖"),
    ],
)
def test_names_that_sound_the_same(left: str, right: str) -> None:
    assert name_keys(left).sound == name_keys(right).sound


@pytest.mark.parametrize(
    ("left", "right"),
    [("布维海丽其·木合塔尔", "布威海丽且·木哈塔尔"), ("吐尔逊·巴合提", "图尔荪·巴赫提")],
)
def test_transcriptions_share_their_consonants(left: str, right: str) -> None:
    assert name_keys(left).consonants == name_keys(right).consonants != ""


def test_twins_do_not_sound_the_same() -> None:
    assert name_keys("艾山·买买提").consonants != name_keys("玉山·买买提").consonants
    assert name_keys("张大宝").consonants == "", "too short to tell two children apart"


@pytest.mark.parametrize("name", ["王芳之子", "王芳之长女", "王芳之大双", "王芳婴"])
def test_a_child_without_a_name_carries_its_mothers(name: str) -> None:
    keys = name_keys(name)
    assert (keys.mother, keys.sound) == ("王芳", "")


@pytest.mark.parametrize("name", ["陈子", "李小宝", "马小双", "王女"])
def test_a_name_that_only_looks_like_it(name: str) -> None:
    assert name_keys(name).mother == ""


@pytest.mark.parametrize(
    "text",
    ["无", "0", "NULL", "不详", "-", "99999999", "12345678", "6.53201197001E+17", "UNKNOWN",
     "(NULL)", "000000000000", "暂无", "N/A", "UNK", "TEST", "XXXXXXXX", "未填写"],
)  # fmt: skip
def test_the_cheap_question_lets_nothing_pass_that_is_no_number(text: str) -> None:
    assert only(pl.Series([text]), ODD_NUMBER, number).to_list() == [None]


@pytest.mark.parametrize("text", ["Ａ１", '="B1"', "'01", " 1", "1 ", "　x"])
def test_the_cheap_question_lets_no_wrapping_pass(text: str) -> None:
    values = pl.Series([text])
    assert only(values, ODD_TEXT, plain).to_list() != [text]
    assert values.to_list() == [text], "what is changed is a copy"
