"""Writing editions and decisions to a lake's `terminology/`, each file whole or not at all.

Not here: their shape and reading them (`terminology.py`).
"""

import json
import re
from dataclasses import asdict
from pathlib import Path

import polars as pl

from ingestion.lake import write_bytes, write_parquet
from ingestion.terminology import DECISION, EDITION, Edition, Terminology

_VERSION = re.compile(r"^\w[\w.\-]*$")


def save_edition(folder: Path, edition: Edition, rows: pl.DataFrame) -> None:
    """Write an edition, in the place of one of the same version.

    Raises:
        ValueError: the version cannot be the name of a file.
    """
    if not _VERSION.match(edition.version):
        raise ValueError(
            f"版本 {edition.version} 只能由字母、数字、点、横线组成，如 2.0 或 2023-01"
        )
    path = folder / edition.system / f"{edition.version}.parquet"
    write_parquet(rows.select(list(EDITION)).cast(EDITION), path)  # type: ignore[arg-type]
    text = json.dumps(asdict(edition), ensure_ascii=False, indent=1, default=str)
    write_bytes(text.encode(), path.with_suffix(".json"))


def save_decisions(folder: Path, rows: pl.DataFrame) -> None:
    """Add decisions; one on a code decided before takes the other's place."""
    key = ["feed", "entity", "column", "source_code"]
    known = pl.concat([Terminology(folder).decisions(), rows.select(list(DECISION))])
    kept = known.unique(key, keep="last", maintain_order=True).sort(key)
    write_parquet(kept, folder / "decisions.parquet")
