"""Writes `sites/demo/samples/<feed>.<ext>`: one small, clean file per feed of a tiny county.

Run `python -m county.samples` after a layout or contract changes; feed names limit it to those.
Not here: broken inputs (`tests/samples/bad/`), which are kept by hand.
"""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from county.build import build_county
from county.systems.cda import FRONT_PAGE
from ingestion.contract import Contract
from ingestion.site import SITES, find_site

SAMPLES = SITES / "demo" / "samples"
RESIDENTS, SEED = 200, 7
MONTHS = (1, 4)
"""A busy feed whose only file holds a fault finds a clean one in a longer county."""


def write_samples(folder: Path, feeds: Collection[str] = ()) -> list[Path]:
    """Write one file per contract: the smallest clean one, a busy day of messages, a front page.

    Args:
        feeds: Only these; all when empty.

    Raises:
        ValueError: feeds have no clean file; the others are written.
    """
    contracts = find_site("demo").contracts
    wanted = [feed for feed in contracts if not feeds or feed in feeds]
    written: list[Path] = []
    for months in MONTHS:
        with TemporaryDirectory() as scratch:
            out = Path(scratch) / "county"
            build_county(RESIDENTS, months, SEED, out)
            found = _clean_files(out, [contracts[feed] for feed in wanted])
            for feed, source in found.items():
                target = folder / f"{feed}{source.suffix}"
                target.write_bytes(source.read_bytes())
                written.append(target)
        wanted = [feed for feed in wanted if feed not in found]
        if not wanted:
            return written
    raise ValueError(f"no clean file of {wanted}")


def _clean_files(out: Path, contracts: Iterable[Contract]) -> dict[str, Path]:
    """The file to keep of each feed that has a clean one in this county."""
    faults = pl.read_parquet(out / "answer_key" / "faults.parquet")
    unclean = (pl.col("outcome") == "quarantined") | (pl.col("kind") == "duplicate_file")
    broken = set(faults.filter(unclean)["file"])
    found: dict[str, Path] = {}
    for contract in contracts:
        files = [
            path
            for path in (out / "inbox").glob(contract.location.pattern)
            if path.relative_to(out / "inbox").as_posix() not in broken
        ]
        if contract.feed == "county_hospital__emr__documents":
            code = f'code="{FRONT_PAGE.code}"'.encode()
            files = [path for path in files if code in path.read_bytes()]
        if files:
            several = contract.format in ("hl7v2", "fhir")  # a day with several messages
            choose = max if several else min
            found[contract.feed] = choose(files, key=lambda path: (path.stat().st_size, path.name))
    return found


if __name__ == "__main__":
    write_samples(SAMPLES, sys.argv[1:])
