"""Every contract of every site has a sample that parses, conforms and adds up; twice is once.

Driven by the sites: a new feed, or a new site beside the demo, is picked up by itself.
"""

import pytest

from ingestion.lake import Lake
from ingestion.site import Site
from ingestion.site_check import check_feed, unknown_samples
from tests.feeds.every_site import EVERY

FEEDS = [pytest.param(s, f, id=f"{s.site}-{f}") for s in EVERY for f in s.contracts]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake.open(tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize(("site", "feed"), FEEDS)
def test_the_sample_conforms_and_a_second_delivery_changes_nothing(
    site: Site, feed: str, lake: Lake
) -> None:
    found = check_feed(site, feed, lake)
    assert found.problem is None
    assert found.count.accepted > 0
    assert found.count.received == found.count.accepted + found.count.duplicate


@pytest.mark.parametrize("site", EVERY, ids=lambda site: site.site)
def test_every_sample_belongs_to_a_contract(site: Site) -> None:
    assert unknown_samples(site) == []
