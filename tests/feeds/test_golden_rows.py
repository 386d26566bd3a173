"""Every row of every sample becomes exactly what was read and found right when it last changed.

`yigong site golden SITE` writes `golden/` of a site; the diff is read against the samples
before it is committed. A contract that takes the right rows from the wrong column fails here.
"""

from collections.abc import Iterator

import pytest

from ingestion.contract import Contract
from ingestion.golden import golden_lines
from ingestion.site import Site
from ingestion.vault import Vault
from tests.demo import DEMO
from tests.feeds.every_site import EVERY

WITH_GOLDEN = [site for site in EVERY if (site.folder / "golden").is_dir()]
FEEDS = [
    pytest.param(s, f, id=f"{s.site}-{f}")
    for s in WITH_GOLDEN
    for f in s.contracts
    if s == DEMO or s.golden(f).exists()
]
each_site = pytest.mark.parametrize("site", WITH_GOLDEN, ids=lambda site: site.site)
REQUESTS = "county_hospital__lis__requests"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with Vault(tmp_path_factory.mktemp("vault")) as opened:
        yield opened


def lines_of(site: Site, contract: Contract, vault: Vault) -> list[str]:
    (sample,) = site.samples(contract.feed)
    return list(golden_lines(contract, sample, vault))


def golden_of(site: Site, feed: str) -> list[str]:
    return site.golden(feed).read_text("utf-8").splitlines()


@pytest.mark.parametrize(("site", "feed"), FEEDS)
def test_every_row_equals_the_golden_one(site: Site, feed: str, vault: Vault) -> None:
    assert lines_of(site, site.contracts[feed], vault) == golden_of(site, feed)


@each_site
def test_every_golden_file_belongs_to_a_contract(site: Site) -> None:
    assert {path.stem for path in (site.folder / "golden").iterdir()} <= set(site.contracts)


@each_site
def test_golden_files_can_be_read_in_a_diff(site: Site) -> None:
    for path in (site.folder / "golden").iterdir():
        assert path.stat().st_size < 1_000_000, path.name


def test_two_columns_swapped_in_a_contract_are_found(vault: Vault) -> None:
    contract = DEMO.contracts[REQUESTS]
    ours, theirs = "organization_id", "performing_organization_id"
    swapped = contract.fields | {ours: contract.fields[theirs], theirs: contract.fields[ours]}
    wrong = contract.model_copy(update={"fields": swapped})
    assert lines_of(DEMO, wrong, vault) != golden_of(DEMO, contract.feed)
