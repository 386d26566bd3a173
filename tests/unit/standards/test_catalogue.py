"""Rules of the indicator catalogue and the code systems."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ingestion.crosswalk import code_system, valid_codes
from ingestion.entity import entities
from standards.catalogue import (
    CONFIDENCE_NAME,
    STANDARDS_DIR,
    code_systems,
    load_systems,
    measures,
    terminologies,
)
from standards.catalogue import Indicator as IndicatorModel

PROJECT_DIR = STANDARDS_DIR.parent
ENTRY: dict[str, Any] = {
    "id": "TEST-01",
    "name_zh": "测试",
    "name_en": "Test",
    "formula_zh": "甲 ÷ 乙",
    "numerator": "discharges",
    "denominator": "admissions",
    "unit": "ratio",
    "direction": "monitor",
    "applies_to": ["hospital"],
    "requires": ["encounter"],
    "frequency": "annual",
    "source": "invented for this test",
    "confidence": "from_memory",
    "definition_version": 1,
    "valid_from": "2026-01-01",
}


def test_entry_with_known_measures_is_accepted() -> None:
    assert IndicatorModel.model_validate(ENTRY).quality_floor == 0.9


@pytest.mark.parametrize(
    "change",
    [
        {"numerator": "unheard_of"},
        {"source": ""},
        {"unit": "furlong"},
        {"applies_to": []},
        {"confidence": "certain"},
    ],
)
def test_entry_with_a_wrong_fact_is_rejected(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IndicatorModel.model_validate(ENTRY | change)


@pytest.mark.parametrize("field", ["source", "unit", "numerator", "confidence", "requires"])
def test_entry_without_a_fact_is_rejected(field: str) -> None:
    with pytest.raises(ValidationError):
        IndicatorModel.model_validate({k: v for k, v in ENTRY.items() if k != field})


def test_same_version_twice_is_rejected(tmp_path: Path) -> None:
    body = {"system": "twice", "name_zh": "测试", "indicators": [ENTRY, ENTRY]}
    (tmp_path / "twice.yml").write_text(yaml.safe_dump(body), "utf-8")
    with pytest.raises(ValueError, match="defined twice"):
        load_systems(tmp_path)


def test_every_indicator_requires_known_entities() -> None:
    for system in load_systems():
        for indicator in system.indicators:
            assert set(indicator.requires) <= set(entities()), indicator.id


def test_every_measure_is_counted_by_its_evidence_model() -> None:
    folder = PROJECT_DIR / "marts" / "performance" / "evidence"
    managed = (PROJECT_DIR / "macros" / "managed_patients.sql").read_text("utf-8")
    for name, measure in measures().items():
        sql = (folder / f"{measure.evidence_model}.sql").read_text("utf-8")
        subject, _, role = name.partition("_")
        called = re.search(rf"managed_patients\(\s*'{subject}'", sql)
        by_macro = called is not None and f"'{role}': (" in managed
        assert f"'{name}'" in sql or by_macro, name


def test_every_code_system_of_an_entity_has_codes() -> None:
    for entity in entities().values():
        for column in entity.coded.values():
            assert column.code_system is not None
            assert column.code_system in code_systems()
            assert code_system(column.code_system)


def test_every_code_file_is_in_the_index() -> None:
    files = {path.stem for path in (STANDARDS_DIR / "code_systems").glob("*.csv")}
    assert files == set(code_systems())


OWN = ("this project", "our own", "named by us")


@pytest.mark.parametrize("name", sorted(code_systems()))
def test_a_list_of_our_own_says_so_and_no_other_does(name: str) -> None:
    about = code_systems()[name]
    ours = about.standard == "this project" or any(word in about.source for word in OWN)
    assert (about.confidence == "own") == ours


def test_verified_is_said_only_where_the_official_text_was_read() -> None:
    """Second-hand copies, our own lists and memories are never shown as official to an assessor."""
    said = {name: (one.confidence, one.source) for name, one in code_systems().items()}
    said |= {
        one.id: (one.confidence, one.source) for system in load_systems()
        for one in system.indicators
    }  # fmt: skip
    unproven = [
        name for name, (confidence, source) in said.items()
        if confidence == "verified" and "official text" not in source
    ]  # fmt: skip
    assert not unproven
    assert "官方" in CONFIDENCE_NAME["verified"]
    assert len(set(CONFIDENCE_NAME.values())) == len(CONFIDENCE_NAME)
    assert not [
        word for key, word in CONFIDENCE_NAME.items() if key != "verified" and "官方" in word
    ]


def test_infectious_diseases_follow_the_list_in_force_on_the_day() -> None:
    """R-INF-1: from 2025-09-01 new influenza subtypes stand in the place of avian influenza."""
    names = code_system("notifiable_disease")
    before, after = (
        {names[code] for code in valid_codes("notifiable_disease", day)}
        for day in (date(2025, 8, 31), date(2025, 9, 1))
    )
    assert after - before == {"人感染新亚型流感"}
    assert before - after == {"人感染高致病性禽流感", "人感染H7N9禽流感"}
    assert len(after) == 40


def test_what_a_column_is_looked_up_in_is_a_list_that_can_be_loaded() -> None:
    for entity in entities().values():
        for name, column in entity.columns.items():
            assert column.terminology is None or column.terminology in terminologies(), name
            assert not (column.terminology and column.code_system), name
