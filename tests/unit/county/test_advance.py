"""A county goes on day by day as it would in one go, and its key tells what has been sent."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from county import state
from county.build import advance_county, build_county
from county.parameters import parameters


def inbox(root: Path) -> dict[str, bytes]:
    files = [path for path in (root / "inbox").rglob("*") if path.is_file()]
    return {path.relative_to(root / "inbox").as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def stepwise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 people, a month, then 1 + 2 + 29 days."""
    root = tmp_path_factory.mktemp("stepwise") / "county"
    build_county(200, 1, 11, root)
    for days in (1, 2, 29):
        advance_county(root, days)
    return root


def test_steps_give_what_one_step_gives(stepwise: Path, tmp_path: Path) -> None:
    root = tmp_path / "county"
    build_county(200, 1, 11, root)
    before = inbox(root)
    assert advance_county(root, 32).until == date(2026, 3, 4)
    assert inbox(root) == inbox(stepwise)
    assert before.items() <= inbox(root).items()
    for path in (root / "answer_key").glob("*.parquet"):
        other = pl.read_parquet(stepwise / "answer_key" / path.name)
        assert pl.read_parquet(path).equals(other), path.name


def test_days_bring_their_files_and_nothing_of_tomorrow(stepwise: Path) -> None:
    named = {
        day for name in inbox(stepwise) for day in re.findall(r"(?<![A-Z])20260[23]\d\d", name)
    }
    assert sum(day.startswith("202602") for day in named) >= 28
    assert {day for day in named if day.startswith("202603")} == {f"2026030{n}" for n in "1234"}
    assert any((stepwise / "state" / "pending").rglob("*.hl7"))


def test_tables_named_by_day_come_by_day(stepwise: Path) -> None:
    names = [name for name in inbox(stepwise) if name.startswith("primary_cloud_visits/")]
    assert sum("202602" in name for name in names) > 5
    assert sum("202601" in name for name in names) <= 3  # the month before came as a whole


def test_a_late_file_comes_after_those_of_the_next_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "county"
    build_county(200, 1, 5, root)
    often = {"faults": {**parameters()["faults"], "late_file": 0.5}}
    monkeypatch.setattr("county.systems.tables.parameters", lambda: often)
    came: dict[str, int] = {}
    for day in range(11):
        advance_county(root, 1)
        for name in inbox(root):
            came.setdefault(name, day)
    faults = pl.read_parquet(root / "answer_key" / "faults.parquet")
    late = faults.filter(pl.col("kind") == "late_file")["file"].to_list()
    assert late
    for name in late:
        (sent,) = re.findall(r"_(2026\d{4})", name)
        due = (date(int(sent[:4]), int(sent[4:6]), int(sent[6:])) - date(2026, 2, 1)).days
        assert 2 <= came[name] - due <= 8


def test_the_key_speaks_of_files_sent_and_months_that_are_over(stepwise: Path) -> None:
    faults = pl.read_parquet(stepwise / "answer_key" / "faults.parquet")
    assert set(faults["file"]) <= set(inbox(stepwise))
    periods = set(pl.read_parquet(stepwise / "answer_key" / "indicators.parquet")["period"])
    assert {"2026-01", "2026-02"} <= periods
    assert "2026-03" not in periods


def test_a_broken_off_advance_is_made_good_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    root, whole = tmp_path / "county", tmp_path / "whole"
    for place in (root, whole):
        build_county(200, 1, 11, place)
    advance_county(whole, 5)
    with monkeypatch.context() as patch:
        patch.setattr("county.build.save_state", broken)
        with pytest.raises(KeyboardInterrupt):
            advance_county(root, 5)
    advance_county(root, 5)
    assert inbox(root) == inbox(whole)


def test_another_version_does_not_go_on(stepwise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "version", lambda: "another")
    with pytest.raises(state.OtherVersion):
        advance_county(stepwise, 1)


def test_without_a_county_there_is_nothing_to_advance(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        advance_county(tmp_path, 1)
