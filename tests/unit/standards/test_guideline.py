"""Every feed the guideline owes is served or excused, and the coverage page says so."""

from pathlib import Path

import pytest
import yaml

from standards.guideline import COVERAGE, answers, coverage_text, guideline
from tests.demo import DEMO

SEED = Path(__file__).resolve().parents[4] / "shared" / "seed-functions.yaml"
CONTRACTS = DEMO.contracts


def test_every_owed_feed_is_served_or_excused() -> None:
    assert [a.owed.id for a in answers(CONTRACTS.values()) if a.is_open] == []


def test_every_entry_owes_a_feed_or_says_why_not() -> None:
    assert [e.id for e in guideline() if not e.feeds and not e.no_feed_reason] == []


@pytest.mark.parametrize("feed", CONTRACTS)
def test_a_contract_serves_feeds_of_the_guideline(feed: str) -> None:
    owed = {o.id for entry in guideline() for o in entry.feeds}
    serves = CONTRACTS[feed].serves
    assert serves
    assert set(serves) <= owed


def test_the_coverage_page_has_not_drifted() -> None:
    assert COVERAGE.read_text("utf-8") == coverage_text(CONTRACTS), "run: make derived"


@pytest.mark.skipif(not SEED.exists(), reason="../shared is not here")
def test_the_guideline_here_has_every_entry_and_feed_of_the_seed() -> None:
    seed = yaml.safe_load(SEED.read_text("utf-8"))["entries"]
    theirs = [
        (
            e["id"],
            str(e["section"]),
            e["name_zh"],
            [f["source"] for f in e["data_role"].get("feeds", [])],
        )
        for e in seed
    ]
    ours = [(e.id, e.section, e.name_zh, [o.source for o in e.feeds]) for e in guideline()]
    assert ours == theirs
