"""What the county tests share: a county on disk and its answer key."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from county.build import CountySummary


@dataclass(frozen=True)
class Built:
    """A county on disk and what `build_county` said about it."""

    root: Path
    summary: CountySummary

    def key(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.root / "answer_key" / f"{name}.parquet")
