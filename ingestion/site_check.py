"""Tries a site without a lake: every contract takes its sample, twice.

Belongs here: what `yigong site check` and the tests of contracts do with a site. Not here: reading
the site (`site.py`) or what taking a file means (`ingest.py`).
"""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ingestion.booking import Count
from ingestion.contract import Contract
from ingestion.golden import golden_difference
from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.site import Site
from ingestion.vault import Vault


@dataclass(frozen=True)
class FeedCheck:
    """One feed and its sample; `problem` says in Chinese what is wrong, None when nothing is."""

    feed: str
    label: str
    format: str
    sample: str | None
    count: Count
    unmapped: int
    problem: str | None


def check_site(site: Site, feeds: Collection[str] = ()) -> Iterator[FeedCheck]:
    """Take every feed's sample into a lake that is thrown away, and a second time as well.

    Args:
        feeds: Only these; all when empty.

    Raises:
        BadSite: a contract is wrong; nothing is tried.
    """
    with TemporaryDirectory() as home:
        lake = Lake.open(Path(home))
        for feed in site.contracts:
            if not feeds or feed in feeds:
                yield check_feed(site, feed, lake)


def check_feed(site: Site, feed: str, lake: Lake) -> FeedCheck:
    """Take one feed's sample twice into a lake that has nothing of this feed."""
    contract, samples = site.contracts[feed], site.samples(feed)
    sample = samples[0] if len(samples) == 1 else None
    first, unmapped = Count(), 0
    if sample is None:
        problem: str | None = "没有样本" if not samples else f"样本多于一个：{len(samples)}"
    else:
        with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
            first = _deliver(lake, contract, sample, vault, ledger)
            again = _deliver(lake, contract, sample, vault, ledger)
            unmapped = sum(row["seen"] for row in ledger.unmapped_codes(feed))
            problem = _problem(first, again, ledger)
            line = golden_difference(site, feed, sample, vault)
        if problem is None and line is not None:
            problem = f"样本的逐行结果自第 {line} 行起与 golden 不同"
    return FeedCheck(
        feed, contract.label_zh, contract.format,
        sample.name if sample else None, first, unmapped, problem,
    )  # fmt: skip


def unknown_samples(site: Site) -> list[str]:
    """Samples of no contract, by file name."""
    return sorted(
        path.name
        for path in site.folder.glob("samples/*")
        if path.is_file() and path.stem not in site.contracts
    )


def _deliver(lake: Lake, contract: Contract, sample: Path, vault: Vault, ledger: Ledger) -> Count:
    """Put the sample where the contract says it arrives, under a new name, and take it."""
    pattern = Path(contract.location.pattern)
    place = lake.inbox / contract.feed
    target = place / pattern.parent
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(sample, target / pattern.name.replace("*", str(len(list(target.iterdir())))))
    return ingest_feed(lake, contract, vault=vault, ledger=ledger, inbox=place, settle=0).count


def _problem(first: Count, again: Count, ledger: Ledger) -> str | None:
    if not first.received:
        return "样本没有被读到：请核对 location.pattern 与样本扩展名"
    if first.quarantined:
        return f"样本有 {first.quarantined} 行被隔离"
    if not first.accepted:
        return "样本没有一行被接收"
    if again.accepted or again.quarantined or again.duplicate != again.received:
        return "同一样本再来一次改变了数据"
    if not ledger.balanced():
        return "台账不平"
    return None
