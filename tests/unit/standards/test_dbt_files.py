"""Derived files must equal what their sources say today."""

import re

import pytest

from ingestion.entity import entities
from standards.dbt_files import PROJECT_DIR, dbt_files
from standards.tables import table_schemas

STAGING = PROJECT_DIR / "models" / "staging"


@pytest.mark.parametrize("name", sorted(dbt_files()))
def test_generated_file_has_not_drifted(name: str) -> None:
    assert (PROJECT_DIR / name).read_text("utf-8") == dbt_files()[name], (
        "run: python -m standards.dbt_files"
    )


def test_every_model_is_described_and_every_description_has_a_model() -> None:
    described = {
        f"{schema.folder}/{name}" for schema in table_schemas().values() for name in schema.tables
    }
    folders = {schema.folder for schema in table_schemas().values()}
    models = {
        f"{folder}/{path.stem}"
        for folder in folders
        for path in (PROJECT_DIR / folder).rglob("*.sql")
    }
    assert models == described


@pytest.mark.parametrize("name", sorted(entities()))
def test_staging_takes_the_latest_version_by_the_entity_key(name: str) -> None:
    entity = entities()[name]
    sql = (STAGING / f"stg_{name}.sql").read_text("utf-8")
    call = re.search(r"latest_version\('\w+', \[([^\]]*)\](?:, '(\w+)')?\)", sql)
    assert call is not None
    assert re.findall(r"'(\w+)'", call.group(1)) == entity.key
    assert call.group(2) == entity.version_time


def test_marts_read_libraries_and_reference_only() -> None:
    for path in (PROJECT_DIR / "marts").rglob("*.sql"):
        sql = path.read_text("utf-8")
        assert not re.search(r"ref\('stg_", sql), path
        assert set(re.findall(r"source\('(\w+)'", sql)) <= {"reference"}, path


def test_libraries_read_staging_and_libraries_only() -> None:
    for path in (PROJECT_DIR / "models").rglob("*.sql"):
        if path.parent == STAGING:
            continue
        assert "source(" not in path.read_text("utf-8"), path
