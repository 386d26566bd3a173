"""Rooms import only what the design lets them; nothing of this machine is in the tree."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("ingestion", "identity", "county", "standards", "pipelines", "expectations", "dashboards")
MAY_IMPORT = {
    "standards": {"standards", "ingestion"},
    "ingestion": {"ingestion"},
    "identity": {"identity", "ingestion"},
    "county": {"county", "ingestion", "standards"},
    "expectations": {"expectations", "ingestion", "standards"},
    "pipelines": {*ROOMS} - {"dashboards"},
    "dashboards": {"dashboards"},
}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=PROJECT, capture_output=True, check=True
    ).stdout
    return [PROJECT / name for name in listed.decode().split("\0") if name]


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        found |= {name.split(".")[0] for name in names}
    return found & set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for path in tracked(f"{room}/*.py"):
        extra = imported_rooms(path) - MAY_IMPORT[room]
        assert not extra, f"{path.relative_to(PROJECT)} imports {sorted(extra)}"


def test_no_path_of_a_machine_and_no_index_address_is_in_the_tree() -> None:
    forbidden = re.compile(
        r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/|--(extra-)?index-url|pypi\.org/simple"
    )
    here = Path(__file__).name
    for path in tracked():
        if path.suffix in {".png", ".xlsx", ".dcm", ".sqlite", ".zip"} or path.name == here:
            continue
        text = path.read_text("utf-8", errors="ignore")
        found = forbidden.search(text)
        assert not found, f"{path.relative_to(PROJECT)}: {found.group(0) if found else ''}"


def test_lock_files_hash_every_version() -> None:
    for path in tracked("*.lock"):
        text = path.read_text("utf-8")
        pins = re.findall(r"^[A-Za-z0-9_.\[\]-]+==", text, flags=re.M)
        assert len(pins) > 0
        assert text.count("--hash=sha256:") >= len(pins), path.name


def test_telemetry_is_off_everywhere(tmp_path: Path) -> None:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    assert project["flags"]["send_anonymous_usage_stats"] is False
    show = (
        "import os; from pipelines.settings import prepare_environment as p; p();"
        "print(os.environ['GX_ANALYTICS_ENABLED'], os.environ['DO_NOT_TRACK'])"
    )
    said = subprocess.run(
        [sys.executable, "-c", show],
        cwd=PROJECT, env=os.environ | {"YIGONG_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.split() == ["false", "1"]
    dagster = yaml.safe_load((tmp_path / "dagster" / "dagster.yaml").read_text("utf-8"))
    assert dagster["telemetry"]["enabled"] is False


def test_documents_name_files_that_exist() -> None:
    pattern = re.compile(r"`((?:[a-z_]+/)+[\w.\-/]*)`")
    for path in [*tracked("docs/*.md"), PROJECT / "README.md"]:
        if path.name == "conformance.md":
            continue
        for name in pattern.findall(path.read_text("utf-8")):
            root = name.split("/")[0]
            if root in ROOMS or root in {
                "tests",
                "models",
                "marts",
                "macros",
                "docs",
                "benchmarks",
            }:
                assert (PROJECT / name).exists(), f"{path.name} names {name}"


def test_readme_commands_are_make_targets() -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    for readme in ("README.md", "README.zh-CN.md"):
        text = (PROJECT / readme).read_text("utf-8")
        targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, flags=re.M))
        assert {"demo", "test"} <= targets
        for target in targets:
            assert re.search(rf"^{target}:", makefile, flags=re.M), target


def test_files_stay_short_enough_to_be_found_in() -> None:
    for path in tracked("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 400, path.relative_to(PROJECT)
