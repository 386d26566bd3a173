"""Derived files must equal what their sources say today."""

import re

import pytest

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
            assert "source(" not in sql, path
