"""What was known of every source person the last time, so that a few new ones cost little.

One base file and patches over it: a patch holds the source persons that a run has seen anew. A full
run writes the base again.

Belongs here: reading and writing that state, and finding who is concerned by a change. Not here:
linking itself (`link.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from identity.sources import KEY, SCHEMA, without_shared
from ingestion.lake import write_parquet

MAX_PATCHES = 60
_GONE = "is_gone"
_SHARING: tuple[tuple[str, ...], ...] = (
    ("id_number_token",), ("id_written_token",), ("health_card_token",), ("insurance_token",),
    ("birth_date", "name_sound_token"), ("birth_date", "name_consonants_token"),
    ("birth_date", "phone_token"), ("birth_date", "address_token"),
    ("birth_date", "mother_token"), ("phone_token", "name_sound_token"),
    ("phone_token", "name_consonants_token"), ("address_token", "name_sound_token"),
)  # fmt: skip
"""What two source persons must share for any rule or weighing to look at them (`rules.py`,
`probable.CANDIDATES`)."""


@dataclass(frozen=True)
class Index:
    """Source persons as of the last run, below one folder."""

    folder: Path

    @property
    def base(self) -> Path:
        return self.folder / "base.parquet"

    def exists(self) -> bool:
        return self.base.exists()

    def patches(self) -> list[Path]:
        return sorted(self.folder.glob("patch-*.parquet"))

    def write_base(self, sources: pl.DataFrame) -> None:
        write_parquet(sources, self.base)
        for path in self.patches():
            path.unlink()

    def write_patch(self, fresh: pl.DataFrame, gone: Iterable[str]) -> None:
        """Source persons seen anew, and those that silver no longer holds."""
        lost = pl.DataFrame({KEY: list(gone)}, schema={KEY: pl.String()}).with_columns(
            pl.lit(True).alias(_GONE)
        )
        rows = pl.concat([fresh.with_columns(pl.lit(False).alias(_GONE)), lost], how="diagonal")
        number = int(self.patches()[-1].stem.split("-")[1]) + 1 if self.patches() else 1
        write_parquet(rows, self.folder / f"patch-{number:06d}.parquet")

    def sources(self) -> pl.LazyFrame:
        """All source persons of today."""
        base = pl.scan_parquet(self.base)
        patches = self.patches()
        if not patches:
            return base
        later = pl.concat([pl.read_parquet(path) for path in patches]).unique(
            KEY, keep="last", maintain_order=True
        )
        kept = base.filter(~pl.col(KEY).is_in(later[KEY].implode()))
        return pl.concat([kept, later.filter(~pl.col(_GONE)).select(*SCHEMA).lazy()])

    def touching(self, changed: pl.DataFrame, shared: pl.DataFrame) -> list[str]:
        """Source persons that share evidence with the changed ones.

        Args:
            changed: Rows in the shape of the index, before and after.
            shared: Numbers that are no evidence.
        """
        sources, known = self.sources(), without_shared(changed, shared)
        asked = [
            sources.select(KEY, *columns).join(
                known.select(columns).drop_nulls().unique().lazy(), on=columns, how="semi"
            )
            for columns in _SHARING
        ]
        mended = known["id_repair_tokens"].drop_nulls().str.split(" ").explode().unique()
        asked.append(sources.filter(pl.col("id_number_token").is_in(mended.implode())))
        right = known["id_number_token"].drop_nulls().unique()
        slips = sources.select(KEY, "id_repair_tokens").drop_nulls()
        split = slips.with_columns(pl.col("id_repair_tokens").str.split(" ")).explode(
            "id_repair_tokens"
        )
        asked.append(split.filter(pl.col("id_repair_tokens").is_in(right.implode())))
        found = pl.collect_all([one.select(KEY) for one in asked])
        return pl.concat(found)[KEY].unique().sort().to_list()
