"""Derived files must equal what their sources say today."""

import re

import pytest
import yaml

from ingestion.entity import entities
from standards.dbt_files import dbt_files
from standards.dictionary import DICTIONARY, dictionary_text
from standards.library_models import MARK
from standards.model_files import MODEL_FOLDERS, PROJECT_DIR, models, property_files

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NUMBERS = {"bigint", "double", "decimal(18,2)"}
STAGING = PROJECT_DIR / "models" / "staging"


@pytest.mark.parametrize("name", sorted(dbt_files()))
def test_generated_file_has_not_drifted(name: str) -> None:
    assert (PROJECT_DIR / name).read_text("utf-8") == dbt_files()[name], "run: make derived"


def test_the_data_dictionary_has_not_drifted() -> None:
    assert DICTIONARY.read_text("utf-8") == dictionary_text(), "run: make derived"


def test_every_model_is_described_beside_its_sql() -> None:
    described = {
        (path.parent, body["name"])
        for path, content in property_files()
        for body in content["models"]
    }
    sql = {
        (path.parent, path.stem)
        for folder in MODEL_FOLDERS
        for path in (PROJECT_DIR / folder).rglob("*.sql")
        if path.parent != STAGING
    }
    assert sql == described


@pytest.mark.parametrize("name", sorted(models()))
def test_a_model_is_described_in_full(name: str) -> None:
    model = models()[name]
    required = {column.name for column in model.columns if column.is_required}
    assert model.key and required, "a key, and columns that are never null"
    for column in model.columns:
        assert CHINESE.search(column.description), column.name
        if column.data_type in NUMBERS and not model.entity and "version" not in column.name:
            assert column.config.meta.unit, f"{column.name}: in which unit?"
        if column.name.endswith("_yuan"):
            assert (column.data_type, column.config.meta.unit) == ("decimal(18,2)", "yuan")


def test_by_hand_stands_only_what_the_entity_does_not_say() -> None:
    for path, content in property_files():
        head = yaml.safe_load(path.read_text("utf-8").partition(f"\n{MARK}")[0])["models"][0]
        if content["models"][0]["config"]["meta"].get("latest_of"):
            assert set(head) == {"name", "config"}, path


def test_versions_are_told_apart_by_the_key_of_their_entity() -> None:
    """Models with SQL of their own: the key that stands there is the entity's."""
    for path in (PROJECT_DIR / "models").rglob("*.sql"):
        sql = path.read_text("utf-8")
        silver = re.findall(r"source\('silver', '(\w+)'\)|fact_config\('(\w+)'", sql)
        if "latest_version_first" not in sql:
            continue
        (name,) = {one or other for one, other in silver}
        entity = entities()[name]
        ordered = re.search(
            r"partition by\s+([^()]*?)\s+order by\s+\{\{ latest_version_first", sql, flags=re.S
        )
        assert ordered and "current_at(" in sql, path
        own = [*entity.key, *(["feed"] if entity.versions == "fields" else [])]
        assert re.split(r",\s*", ordered[1]) == own, path


def test_every_evidence_model_is_summed_into_measures() -> None:
    sql = (PROJECT_DIR / "marts" / "performance" / "measure_month.sql").read_text("utf-8")
    assert set(re.findall(r"'(evidence_\w+)'", sql)) == {
        name for name in models() if name.startswith("evidence_")
    }


def test_marts_read_libraries_and_reference_only() -> None:
    for path in (PROJECT_DIR / "marts").rglob("*.sql"):
        sql = path.read_text("utf-8")
        assert not re.search(r"ref\('stg_", sql), path
        assert set(re.findall(r"source\('(\w+)'", sql)) <= {"reference"}, path


def test_libraries_read_silver_only_as_facts() -> None:
    """A fact goes through the macros of `facts.sql`; everything else reads staging or libraries."""
    for path in (PROJECT_DIR / "models").rglob("*.sql"):
        sql = path.read_text("utf-8")
        if path.parent != STAGING and "fact_config(" not in sql:
            assert set(re.findall(r"source\('(\w+)'", sql)) <= {"reference"}, path
