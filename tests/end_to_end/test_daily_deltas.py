"""A county that arrives in pieces, out of order: facts kept by key equal facts built anew."""

import shutil
from pathlib import Path

import duckdb
import pytest

from county.build import build_county
from tests.end_to_end.conftest import Yigong

PIECES = 3


def facts(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every fact's rows, in order."""
    with duckdb.connect(str(home / "county.duckdb"), read_only=True) as connection:
        names = connection.execute("select distinct model from built_batch").fetchall()
        return {
            name: connection.execute(f"select * from {name} order by all").fetchall()
            for (name,) in names
        }


@pytest.fixture(scope="module")
def stepwise(tmp_path_factory: pytest.TempPathFactory) -> Yigong:
    """A lake that took the county in pieces and was built after each."""
    ground = tmp_path_factory.mktemp("pieces")
    build_county(200, 2, 11, ground / "county")
    files = sorted(p for p in (ground / "county" / "inbox").rglob("*") if p.is_file())
    command = Yigong(ground / "lake")
    for piece in range(PIECES):
        for path in files[PIECES - 1 - piece :: PIECES]:
            target = ground / "inbox" / path.relative_to(ground / "county" / "inbox")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        command("ingest", "--inbox", str(ground / "inbox"))
        command("build")
    return command


def test_pieces_give_what_a_whole_build_gives(stepwise: Yigong) -> None:
    by_key = facts(stepwise.home)
    stepwise("build", "--anew")
    anew = facts(stepwise.home)
    assert by_key.keys() == anew.keys()
    assert by_key["encounter_source"] and by_key["laboratory_result"]
    for name, rows in anew.items():
        assert by_key[name] == rows, name
