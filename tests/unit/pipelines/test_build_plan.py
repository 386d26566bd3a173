"""What a build finds stale."""

import shutil
from pathlib import Path

import duckdb

from ingestion.lake import Lake
from pipelines.build_plan import plan_build, remember

MANIFEST = {
    "nodes": {
        "model.yigong.stg_bed": {
            "resource_type": "model",
            "name": "stg_bed",
            "config": {"materialized": "view"},
            "depends_on": {"nodes": [], "macros": []},
            "raw_code": "select * from the_files_of_the_lake",
        }
    },
    "macros": {},
}


def test_a_lake_that_has_moved_builds_its_views_again(tmp_path: Path) -> None:
    """A view names files by their path: a copy would go on reading the lake it came from."""
    lake = Lake.open(tmp_path / "here")
    with duckdb.connect(str(lake.warehouse)) as warehouse:
        warehouse.execute("create view stg_bed as select 1 as bed")
    plan = plan_build(lake, MANIFEST)
    assert plan.models == ("stg_bed",)
    remember(lake, plan, plan.models)
    assert plan_build(lake, MANIFEST).models == ()
    shutil.copytree(lake.home, tmp_path / "there")
    assert plan_build(Lake.open(tmp_path / "there"), MANIFEST).models == ("stg_bed",)
