"""Writes `tests/samples/<feed>.<ext>`: one small, clean file per feed from a very small county.

Run `python -m county.samples` after a layout or contract changes; feed names limit it to those.
Not here: broken inputs (`tests/samples/bad/`), which are kept by hand.
"""

import sys
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from county.build import build_county
from county.systems.cda import FRONT_PAGE
from ingestion.contract import load_contracts

SAMPLES = Path(__file__).parent.parent / "tests" / "samples"
RESIDENTS, MONTHS, SEED = 200, 1, 7


def write_samples(folder: Path, feeds: Collection[str] = ()) -> list[Path]:
    """Write one file per contract: the smallest clean one, a busy day of messages, a front page.

    Args:
        feeds: Only these; all when empty.

    Raises:
        ValueError: feeds have no clean file; the others are written.
    """
    written, without = [], []
    with TemporaryDirectory() as scratch:
        out = Path(scratch) / "county"
        build_county(RESIDENTS, MONTHS, SEED, out)
        faults = pl.read_parquet(out / "answer_key" / "faults.parquet")
        unclean = (pl.col("outcome") == "quarantined") | (pl.col("kind") == "duplicate_file")
        broken = set(faults.filter(unclean)["file"])
        for feed, contract in load_contracts().items():
            if feeds and feed not in feeds:
                continue
            files = [
                path
                for path in (out / "inbox").glob(contract.location.pattern)
                if path.relative_to(out / "inbox").as_posix() not in broken
            ]
            if feed == "county_hospital__emr__documents":
                code = f'code="{FRONT_PAGE.code}"'.encode()
                files = [path for path in files if code in path.read_bytes()]
            if not files:
                without.append(feed)
                continue
            choose = max if contract.format == "hl7v2" else min  # a day with several messages
            source = choose(files, key=lambda path: (path.stat().st_size, path.name))
            target = folder / f"{feed}{source.suffix}"
            target.write_bytes(source.read_bytes())
            written.append(target)
    if without:
        raise ValueError(f"no clean file of {without}")
    return written


if __name__ == "__main__":
    write_samples(SAMPLES, sys.argv[1:])
