"""Every contract has a sample that parses, conforms and adds up; a second delivery changes nothing.

Driven by the contracts: a new feed is picked up by itself.
"""

import shutil
from pathlib import Path

import pytest

from ingestion.contract import Contract, load_contracts
from ingestion.ingest import FeedRun, ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.vault import Vault

SAMPLES = Path(__file__).resolve().parents[2] / "sites" / "demo" / "samples"
CONTRACTS = load_contracts()


def deliver(contract: Contract, home: Path) -> FeedRun:
    """Take the feed's sample from an inbox where the contract says it arrives."""
    (sample,) = SAMPLES.glob(f"{contract.feed}.*")
    lake = Lake.open(home)
    pattern = Path(contract.location.pattern)
    place = lake.inbox / pattern.parent
    place.mkdir(parents=True, exist_ok=True)
    name = pattern.name.replace("*", str(len(list(place.iterdir()))))
    shutil.copy(sample, place / name)
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        run = ingest_feed(lake, contract, vault=vault, ledger=ledger, settle=0)
        assert ledger.balanced()
    return run


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_the_sample_conforms_and_a_second_delivery_changes_nothing(
    contract: Contract, tmp_path: Path
) -> None:
    first = deliver(contract, tmp_path).count
    assert first.accepted > 0
    assert first.quarantined == 0
    assert first.received == first.accepted + first.duplicate
    second = deliver(contract, tmp_path).count
    assert (second.accepted, second.quarantined) == (0, 0)
    assert second.duplicate == second.received == first.received


def test_every_sample_belongs_to_a_contract() -> None:
    samples = {p.stem for p in SAMPLES.iterdir() if p.is_file()}
    assert samples == set(CONTRACTS)
