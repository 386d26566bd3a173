"""What was known of every source person the last time, so that a few new ones cost little.

One base file and patches over it: a patch holds the source persons that a run has seen anew. A full
run writes the base again.

Belongs here: reading and writing that state, and finding who is concerned by a change. Not here:
linking itself (`link.py`).
"""

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

    def patches(self) -> list[Path]:
        return sorted(self.folder.glob("patch-*.parquet"))

    @property
    def hashes(self) -> Path:
        return self.folder / f"hashes-{pl.__version__}.parquet"

    def fits(self) -> bool:
        """Whether it can be asked: hashes hold for the version of Polars that made them."""
        return self.base.exists() and self.hashes.exists() and len(self.patches()) < MAX_PATCHES

    def write_base(self, sources: pl.DataFrame) -> None:
        """Write everything anew."""
        for path in self.folder.glob("*.parquet"):
            path.unlink()
        write_parquet(_hashed(sources), self.hashes)
        write_parquet(sources, self.base)

    def write_patch(self, fresh: pl.DataFrame, gone: pl.Series) -> None:
        """Source persons seen anew, and those that silver no longer holds."""
        lost = pl.DataFrame({KEY: gone}).with_columns(pl.lit(True).alias(_GONE))
        rows = pl.concat([fresh.with_columns(pl.lit(False).alias(_GONE)), lost], how="diagonal")
        number = int(self.patches()[-1].stem.split("-")[1]) + 1 if self.patches() else 1
        write_parquet(rows, self.folder / f"patch-{number:06d}.parquet")

    def sources(self) -> pl.LazyFrame:
        """All source persons of today."""
        base = pl.scan_parquet(self.base)
        if not self.patches():
            return base
        later = self._later()
        kept = base.filter(~pl.col(KEY).is_in(later[KEY].implode()))
        return pl.concat([kept, later.filter(~pl.col(_GONE)).select(*SCHEMA).lazy()])

    def touching(self, changed: pl.DataFrame, shared: pl.DataFrame) -> list[str]:
        """Source persons that share evidence with the changed ones.

        Args:
            changed: Rows in the shape of the index, before and after.
            shared: Numbers that are no evidence.
        """
        known = without_shared(changed, shared)
        asked = _hashed(known)
        repaired = known["id_repair_tokens"].drop_nulls().str.split(" ").explode()
        mended = pl.DataFrame({"id_number_token": repaired}).select(_hash(("id_number_token",)))
        first = pl.concat([asked["0"], mended.to_series()])
        wanted = {"0": first} | {str(n): asked[str(n)] for n in range(1, len(_SHARING))}
        shares = pl.any_horizontal(
            pl.col(name).is_in(values.drop_nulls().unique().implode()).fill_null(False)
            for name, values in wanted.items()
        )
        right = known["id_number_token"].drop_nulls().unique()
        slips = (
            self.sources()
            .select(KEY, pl.col("id_repair_tokens").str.split(" "))
            .drop_nulls()
            .explode("id_repair_tokens")
            .filter(pl.col("id_repair_tokens").is_in(right.implode()))
        )
        later = self._later()
        found = [
            pl.scan_parquet(self.hashes).filter(shares).select(KEY).collect(),
            slips.select(KEY).collect(),
            _hashed(later.select(*SCHEMA)).filter(shares).select(KEY),
        ]
        gone = later.filter(_GONE)[KEY]
        keys = pl.concat(found)[KEY].unique().sort()
        return keys.filter(~keys.is_in(gone.implode())).to_list()

    def _later(self) -> pl.DataFrame:
        """What patches say, the last of each source person."""
        patches = [pl.read_parquet(path) for path in self.patches()]
        if not patches:
            return pl.DataFrame(schema={**SCHEMA, _GONE: pl.Boolean()})
        return pl.concat(patches).unique(KEY, keep="last", maintain_order=True)


def _hash(columns: tuple[str, ...]) -> pl.Expr:
    """One number for the values of some columns; null where one of them is."""
    known = pl.all_horizontal(pl.col(columns).is_not_null())
    return pl.when(known).then(pl.struct(columns).hash(7))


def _hashed(sources: pl.DataFrame) -> pl.DataFrame:
    """`KEY` and a hash for each of `_SHARING`, by its place there."""
    return sources.select(KEY, *(_hash(c).alias(str(n)) for n, c in enumerate(_SHARING)))
