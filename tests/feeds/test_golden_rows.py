"""Every row of every sample becomes exactly what was read and found right when it last changed.

`make golden` writes `sites/demo/golden/`; the diff is read against the samples before it is
committed. A contract that takes the right number of rows from the wrong column fails here.
"""

from collections.abc import Iterator

import pytest

from ingestion.contract import CONTRACT_DIR, Contract, load_contracts
from ingestion.golden import golden_lines
from ingestion.vault import Vault

SITE = CONTRACT_DIR.parent
CONTRACTS = load_contracts()
REQUESTS = "county_hospital__lis__requests"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with Vault(tmp_path_factory.mktemp("vault")) as opened:
        yield opened


def lines_of(contract: Contract, vault: Vault) -> list[str]:
    (sample,) = (SITE / "samples").glob(f"{contract.feed}.*")
    return list(golden_lines(contract, sample, vault))


def golden_of(feed: str) -> list[str]:
    return (SITE / "golden" / f"{feed}.jsonl").read_text("utf-8").splitlines()


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_every_row_equals_the_golden_one(contract: Contract, vault: Vault) -> None:
    assert lines_of(contract, vault) == golden_of(contract.feed)


def test_every_golden_file_belongs_to_a_contract() -> None:
    assert {path.stem for path in (SITE / "golden").iterdir()} == set(CONTRACTS)


def test_golden_files_can_be_read_in_a_diff() -> None:
    for path in (SITE / "golden").iterdir():
        assert path.stat().st_size < 1_000_000, path.name


def test_two_columns_swapped_in_a_contract_are_found(vault: Vault) -> None:
    contract = CONTRACTS[REQUESTS]
    ours, theirs = "organization_id", "performing_organization_id"
    swapped = contract.fields | {ours: contract.fields[theirs], theirs: contract.fields[ours]}
    wrong = contract.model_copy(update={"fields": swapped})
    assert lines_of(wrong, vault) != golden_of(contract.feed)
