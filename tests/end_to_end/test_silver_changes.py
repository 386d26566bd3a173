"""Contracts, code lists and entities change on a lake in use; nothing dies, all is healed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from county.build import build_county
from tests.end_to_end.test_daily_deltas import facts

PROJECT = Path(__file__).resolve().parents[2]
COPIED = (
    "county", "dashboards", "expectations", "identity", "ingestion", "macros", "marts", "models",
    "pipelines", "sites", "standards", "tests/dbt", "dbt_project.yml", "profiles.yml",
)  # fmt: skip


class Product:
    """A copy of the product that a test may change, with a lake of its own."""

    def __init__(self, ground: Path) -> None:
        self.root, self.home = ground / "product", ground / "lake"
        for name in COPIED:
            source, target = PROJECT / name, self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                ignored = shutil.ignore_patterns(".venv", "__pycache__", "*.png")
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
        build_county(200, 1, 5, ground / "county")
        self.inbox = ground / "county" / "inbox"
        self("init", "--site", "demo")

    def __call__(self, *words: str, expect: int = 0) -> str:
        environment = os.environ | {"YIGONG_HOME": str(self.home), "PYTHONPATH": str(self.root)}
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *words],
            env=environment, capture_output=True, text=True, cwd=self.root,
        )  # fmt: skip
        assert done.returncode == expect, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def derive(self) -> None:
        """Write the files that follow from entities, as who changes one does."""
        environment = os.environ | {"PYTHONPATH": str(self.root)}
        command = [sys.executable, "-m", "standards.dbt_files"]
        subprocess.run(command, env=environment, cwd=self.root, check=True, capture_output=True)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text("utf-8")
        assert old in text, name
        path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    product = Product(tmp_path_factory.mktemp("change"))
    product("run", "--inbox", str(product.inbox))
    return product


def rows(product: Product, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(product.home / "county.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def built_at(product: Product) -> dict[str, str]:
    return dict(rows(product, "select model, definition || inputs from model_state"))


def test_a_run_with_nothing_new_changes_nothing(product: Product) -> None:
    said = json.loads(product("run", "--inbox", str(product.inbox), "--json"))
    assert (said["version"], said["is_new"]) == (1, False)


def test_an_optional_column_more_is_built_on_the_lake_as_it_is(product: Product) -> None:
    column = "  ward_note: {type: string, label_zh: 病区备注, privacy: 2}\n"
    product.edit("ingestion/entities/encounter.yml", "columns:\n", f"columns:\n{column}")
    product.derive()
    product("build")
    assert rows(product, "select count(ward_note), count(*) > 0 from encounter") == [(0, True)]


def test_a_mended_crosswalk_heals_by_itself_and_facts_follow(product: Product) -> None:
    with (product.root / "sites/demo/crosswalks/township_b_visit_class.csv").open() as stream:
        header, *lines = stream.read().splitlines()
    product.edit(
        "sites/demo/crosswalks/township_b_visit_class.csv", "\n".join([header, *lines]),
        "\n".join([header, *lines[1:]]),
    )  # fmt: skip
    feeds = {f["feed"]: f for f in json.loads(product("status", "--json"))["feeds"]}
    behind = [feed for feed, facts_of in feeds.items() if facts_of["lagging_batches"]]
    assert behind, "a changed code list is seen"
    said = product("run", "--inbox", str(product.inbox))
    assert "将被拒收" in said, "rows that would be refused are not taken away unasked"
    product("conform", "--again", behind[0])
    product("build")
    by_key = facts(product.home)
    product("build", "--anew")
    assert facts(product.home) == by_key
    assert not list(product.home.glob("retired/*/*.parquet")), "every fact has let go of them"
    product.edit(
        "sites/demo/crosswalks/township_b_visit_class.csv", "\n".join([header, *lines[1:]]),
        "\n".join([header, *lines]),
    )  # fmt: skip
    said = product("run", "--inbox", str(product.inbox))
    assert "将被拒收" not in said
    assert not any(f["lagging_batches"] for f in json.loads(product("status", "--json"))["feeds"])
    key = product("county", "check", "--out", str(product.inbox.parent))
    assert "0 处差异" in key


def test_another_type_is_conformed_again_before_anything_is_built_on_it(product: Product) -> None:
    entity = "ingestion/entities/hypertension_visit.yml"
    product.edit(entity, "systolic_mmhg: {type: integer", "systolic_mmhg: {type: double")
    product.derive()
    product("run", "--inbox", str(product.inbox))
    assert not any(f["lagging_batches"] for f in json.loads(product("status", "--json"))["feeds"])
    types = rows(product, "select distinct typeof(systolic_mmhg) from hypertension_visit")
    assert types == [("DOUBLE",)]


def test_a_label_or_a_mart_leaves_the_facts_as_they_are(product: Product) -> None:
    product("build")
    before = built_at(product)
    product.edit("models/emr/encounter.yml", "description: 就诊", "description: 门诊与住院就诊")
    product.edit("marts/operations/service_month.sql", "-- Grain", "-- The grain")
    product("build")
    after = built_at(product)
    changed = {model for model in after if after[model] != before.get(model)}
    assert "service_month" in changed
    assert "encounter" not in changed
