"""The county is deterministic, and every file it writes has exactly one reader."""

from fnmatch import fnmatch
from pathlib import Path

import polars as pl
import pytest

from county.build import build_county
from county.people import is_valid_id_number
from county.systems.layouts import feeds_of_file, layouts
from ingestion.entity import entities
from tests.demo import DEMO
from tests.unit.county.built import Built


def test_same_seed_gives_same_bytes(small: Built, tmp_path: Path) -> None:
    again = build_county(300, 2, 7, tmp_path / "again")
    assert again == small.summary
    for path in sorted((small.root / "answer_key").glob("*.parquet")):
        assert pl.read_parquet(path).equals(
            pl.read_parquet(tmp_path / "again" / "answer_key" / path.name)
        )


def test_another_seed_gives_other_bytes(small: Built, tmp_path: Path) -> None:
    assert build_county(300, 2, 8, tmp_path / "other").digest != small.summary.digest


def test_folder_with_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        build_county(100, 1, 7, tmp_path)


def test_tiny_county_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        build_county(10, 1, 7, tmp_path / "tiny")


def test_progress_ends_at_one(tmp_path: Path) -> None:
    shares: list[float] = []
    build_county(100, 1, 3, tmp_path / "county", lambda step, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_every_file_matches_its_feeds(small: Built) -> None:
    patterns = {feed: c.location.pattern for feed, c in DEMO.contracts.items()}
    shared = {feeds_of_file(layout.file) for layout in layouts().values()}
    inbox = small.root / "inbox"
    for path in inbox.rglob("*"):
        if path.is_file():
            name = path.relative_to(inbox).as_posix()
            readers = tuple(feed for feed, pattern in patterns.items() if fnmatch(name, pattern))
            assert len(readers) == 1 or set(readers) in map(set, shared), name


def test_every_feed_has_a_file_each_month(small: Built) -> None:
    inbox = small.root / "inbox"
    for feed, contract in DEMO.contracts.items():
        assert list(inbox.glob(contract.location.pattern)), feed


def test_every_coded_column_has_a_map_or_standard_codes() -> None:
    for feed, contract in DEMO.contracts.items():
        if contract.entity is not None:
            known = entities()[contract.entity].columns
            assert set(contract.fields) <= set(known), feed


def test_id_numbers_are_valid_and_of_nobody(small: Built) -> None:
    numbers = small.key("persons")["id_number"].to_list()
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert number.startswith("653999")
        assert is_valid_id_number(number)


def test_only_planted_id_numbers_are_invalid(default: Built) -> None:
    sent = default.key("person_sources")
    truth = dict(default.key("persons").select("person_key", "id_number").iter_rows())
    odd = [
        (feed, number)
        for key, feed, number in sent.select("person_key", "feed", "id_number").iter_rows()
        if number is not None and number != truth[key]
    ]
    assert odd
    assert not any(is_valid_id_number(number) for _, number in odd)
    kinds = ["invalid_id_number", "old_id_number"]
    planted = default.key("faults").filter(pl.col("kind").is_in(kinds))
    assert {feed for feed, _ in odd} == set(planted["feed"])


def test_phones_have_an_unassigned_prefix(small: Built) -> None:
    assert small.key("persons")["phone"].str.contains(r"^100\d{8}$").all()
