"""The command line: help, JSON, exit codes, and what a query may not do."""

import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest
import typer
from rich.console import Console

from ingestion.choice import choose_site
from ingestion.lake import Lake
from pipelines import cli, console
from pipelines.publish import publish
from standards.catalogue import load_systems
from tests.demo import DEMO

SAMPLES = DEMO.folder / "samples"
BAD = Path(__file__).resolve().parents[2] / "samples" / "bad"
CHINESE = re.compile("[\u4e00-\u9fff]")
INDICATOR = load_systems()[0].indicators[0]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def yigong(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """The `yigong` command on a lake of the demo site, in this process."""
    choose_site(home, DEMO)
    before = dict(os.environ)
    os.environ["YIGONG_HOME"] = str(home)

    def run(*words: str) -> Said:
        monkeypatch.setattr("sys.argv", ["yigong", *words])
        capsys.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        return Said(int(code), *capsys.readouterr())

    yield run
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def published(home: Path) -> Path:
    """A version with one organization and one indicator value, as a run would leave it."""
    lake = Lake.open(home)
    paths = {
        "service_month": "marts/operations/service_month.sql",
        "indicator_value": "marts/performance/indicator_value.sql",
        "organization": "models/resource/organization.sql",
    }
    with duckdb.connect(str(lake.warehouse)) as connection:
        connection.execute("create table service_month as select date '2026-03-01' as month")
        connection.execute("create table coverage_month as select date '2026-03-31' as as_of_date")
        connection.execute(
            "create table organization as select '653999' as organization_id,"
            " '云泉县' as organization_name"
        )
        connection.execute(
            f"""create table indicator_value as select '{INDICATOR.id}' as indicator_id,
                '653999' as organization_id, '2026-03' as period, 1::decimal(18, 2) as numerator,
                2::decimal(18, 2) as denominator, 0.5 as value, 0 as excluded_count,
                'ok' as state, null as reason, date '2026-03-31' as as_of,
                false as is_to_date, 1.0 as covered_share,
                {INDICATOR.definition_version} as definition_version"""
        )
    nodes = {
        name: {
            "resource_type": "model", "name": name, "original_file_path": path,
            "config": {"materialized": "table"}, "description": "", "columns": {},
        }
        for name, path in paths.items()
    }  # fmt: skip
    publish(lake, {"nodes": nodes, "sources": {}}, quality={"passed": 1})
    return lake.published / "current" / "analysis.duckdb"


def commands(group: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)


@pytest.mark.parametrize("words", list(commands(typer.main.get_command(cli.app))), ids=" ".join)
def test_every_command_explains_itself_in_chinese(words: tuple[str, ...], yigong: Run) -> None:
    said = yigong(*words, "--help")
    lines = [line for line in said.out.splitlines() if line.strip()]
    assert said.code == 0
    assert len(lines) > 3
    assert CHINESE.search(lines[1]), "what it does comes right after how to call it"


def test_the_commands_of_the_manual_are_there() -> None:
    found = {" ".join(words) for words in commands(typer.main.get_command(cli.app))}
    assert found >= {
        "county", "run", "ingest", "build", "publish", "status", "indicators", "evidence",
        "inspect", "query", "dev", "serve", "init", "site check", "site golden", "quarantine list",
        "quarantine show", "quarantine replay",
    }  # fmt: skip


def test_status_of_an_empty_lake_names_every_feed(yigong: Run) -> None:
    said = yigong("status", "--json")
    assert said.code == 0
    found = json.loads(said.out)
    assert found["version"] is None
    assert found["ledger_balanced"] is True
    assert {f["feed"] for f in found["feeds"]} == set(DEMO.contracts)
    for feed in found["feeds"]:
        assert feed.keys() >= {
            "feed", "member", "received", "accepted", "quarantined", "duplicate", "state",
            "last_received_at",
        }  # fmt: skip
        assert (feed["received"], feed["state"]) == (0, "no_feed")
        assert feed["last_received_at"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("indicators", "--period", "2026-03"),
        ("evidence", INDICATOR.id, "--organization", "653999", "--period", "2026-03"),
        ("query", "select 1"),
    ],
    ids=lambda words: words[0],
)
def test_before_the_first_publication_readers_say_so(words: tuple[str, ...], yigong: Run) -> None:
    said = yigong(*words)
    assert said.code == 5
    assert said.out == ""
    assert "尚未发布" in said.err
    assert "yigong run" in said.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("indicators", "--period", "1999-01"), "没有统计期 1999-01"),
        (("evidence", "NO-1", "--organization", "653999", "--period", "2026-03"), "没有指标 NO-1"),
        (("evidence", INDICATOR.id, "--organization", "1", "--period", "2026-03"), "没有值"),
        (("ingest", "--feed", "a__b__c"), "没有这些数据源的契约：a__b__c"),
        (("quarantine", "replay", "--feed", "a__b__c"), "没有数据源 a__b__c 的契约"),
        (("quarantine", "show", "abc"), "abc"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_does_not_exist_is_named_in_chinese(
    words: tuple[str, ...], named: str, yigong: Run, published: Path
) -> None:
    said = yigong(*words)
    assert said.code == 1
    assert named in said.err
    assert CHINESE.search(said.err)
    assert "Traceback" not in said.err + said.out


@pytest.mark.parametrize(
    "words", [("status", "--nothing"), ("nothing",), ("indicators",), ("inspect",)], ids=" ".join
)
def test_a_wrong_command_line_ends_with_two(words: tuple[str, ...], yigong: Run) -> None:
    said = yigong(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err


def test_indicators_of_a_known_period_are_json(yigong: Run, published: Path) -> None:
    (row,) = json.loads(yigong("indicators", "--period", "2026-03", "--json").out)
    assert (row["indicator_id"], row["numerator"], row["state"]) == (INDICATOR.id, 1, "ok")


def test_inspecting_a_folder_gives_one_json_object_a_file(yigong: Run, tmp_path: Path) -> None:
    said = yigong("inspect", str(bad_folder(tmp_path)), "--json")
    assert said.code == 0
    reports = [json.loads(line) for line in said.out.splitlines()]
    assert [r["path"] for r in reports] == ["empty.hl7", "truncated_row.csv", "wrong_type.xml"]
    for report in reports:
        assert list(report) == ["path", "format", "outcome", "records", "entities", "problems"]
        assert report["outcome"] in {"parsed", "partly", "refused"}
        for problem in report["problems"]:
            assert list(problem) == ["code", "record", "item", "detail"]
    assert reports[1]["problems"][0]["record"] == 2


def bad_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("empty.hl7", "truncated_row.csv", "wrong_type.xml"):
        shutil.copy(BAD / name, folder)
    return folder


def test_inspecting_one_file_gives_json_alone(yigong: Run) -> None:
    said = yigong("inspect", str(SAMPLES / "county_hospital__his__adt.hl7"))
    assert said.code == 0
    assert json.loads(said.out[: said.out.rindex("}") + 1])["outcome"] == "parsed"


def test_inspecting_what_is_not_there_ends_with_two(yigong: Run, tmp_path: Path) -> None:
    assert yigong("inspect", str(tmp_path / "nothing"), "--json").code == 2


@pytest.mark.parametrize(("flags", "shown"), [((), True), (("--json",), False)])
def test_inspecting_a_folder_shows_how_far_it_is(
    flags: tuple[str, ...],
    shown: bool,
    yigong: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "console", Console(force_terminal=True, file=screen, width=100))
    assert yigong("inspect", str(bad_folder(tmp_path)), *flags).code == 0
    assert ("检查文件" in screen.getvalue()) is shown
    assert ("3/3" in screen.getvalue()) is shown


def test_a_query_reads_what_is_published(yigong: Run, published: Path) -> None:
    said = yigong("query", "select organization_name from organization", "--json")
    assert (said.code, json.loads(said.out)) == (0, [{"organization_name": "云泉县"}])


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('{secret}')",
        "select * from read_csv('{secret}', header = false)",
        "select * from '{secret}'",
        "select * from glob('{folder}/*')",
        "attach '{folder}/vault.sqlite' as other",
        "copy (select 1) to '{folder}/written.csv'",
        "export database '{folder}/written'",
        "create table written as select 1",
        "delete from organization",
        "update organization set organization_name = ''",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "install httpfs",
        "load httpfs",
        "select 1; copy (select 1) to '{folder}/written.csv'",
    ],
)
def test_a_query_reaches_no_other_file_and_writes_nothing(
    sql: str, yigong: Run, published: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    secret = folder / "secret.csv"
    secret.write_text("keep-this-to-yourself")
    before = hashlib.sha256(published.read_bytes()).hexdigest()
    said = yigong("query", sql.format(secret=secret, folder=folder))
    assert said.code == 1
    assert "keep-this-to-yourself" not in said.out + said.err
    assert [p.name for p in folder.iterdir()] == ["secret.csv"]
    assert hashlib.sha256(published.read_bytes()).hexdigest() == before
