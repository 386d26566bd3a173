"""The person block of a record: tokens for silver, sealed fields for the vault.

Belongs here: what identifies a person in one member's records. Not here: who is who across members
(`identity/`).
"""

from dataclasses import dataclass

import polars as pl

from ingestion.cast import COMPACT_FORMATS, typed
from ingestion.conform import mapped_code, row_digests
from ingestion.contract import Contract, FieldMap
from ingestion.entity import entities
from ingestion.formats.source import FILE, ITEM, RECORD
from ingestion.runs import runs
from ingestion.vault import Vault

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
SEALED = (
    "local_id", "person_name", "id_number", "health_card_number", "insurance_number", "phone",
    "address",
)  # fmt: skip


@dataclass(frozen=True)
class People:
    """`links`: position (file, record, item) to source_person_id, for every row that names someone.
    `rows`: silver/source_person rows without lineage, one a distinct block, with `row_digest` and
    the position where it stands first.
    `sealed`: the identifying fields by source_person_id and digest, for the vault only."""

    links: pl.DataFrame
    rows: pl.DataFrame
    sealed: pl.DataFrame


def current_id_number(number: pl.Expr) -> pl.Expr:
    """A citizen number of 15 digits as its 18 characters; any other number as it is.

    The first generation had no century, always 19, and no check character (GB 11643-1989).
    """
    first_17 = number.str.slice(0, 6) + "19" + number.str.slice(6, 9)
    return (
        pl.when(number.str.contains(r"^\d{15}$"))
        .then(first_17 + _check_character(first_17))
        .otherwise(number)
    )


def _check_character(number: pl.Expr) -> pl.Expr:
    """ISO 7064 MOD 11-2 over the first 17 characters."""
    total = pl.sum_horizontal(
        number.str.slice(i, 1).cast(pl.Int32, strict=False) * w for i, w in enumerate(_WEIGHTS)
    )
    return (total % 11).replace_strict(
        list(range(11)), list(_CHECK), default=None, return_dtype=pl.String
    )


def valid_id_number(number: pl.Expr) -> pl.Expr:
    """True for an 18-character citizen number with a right check character (GB 11643-1999)."""
    shaped = number.str.contains(r"^\d{17}[\dX]$")
    return shaped & (_check_character(number) == number.str.slice(17, 1))


def people(
    source: pl.DataFrame, *, fields: dict[str, FieldMap], contract: Contract, vault: Vault
) -> People:
    """Tokens and sealed fields of the people in one cleaned source table.

    A person is known within a member by the local number, else by ID number, card, insurance
    number, else by name, birth date and phone together. A record that names nobody has no link.
    """
    block = source.select(FILE, RECORD, ITEM, *(_field(n, fields).alias(n) for n in _NAMES))
    first, run = runs(block, _NAMES)
    blocks = block.filter(first).with_columns(pl.col("id_number").str.to_uppercase())
    blocks = blocks.with_columns(row_digests(blocks), run.filter(first).alias("_run"))
    numbers = blocks.select(current_id_number(pl.col("id_number"))).to_series()
    valid = blocks.select(valid_id_number(pl.lit(numbers)).fill_null(False)).to_series()
    compact = contract.format in COMPACT_FORMATS
    birth = fields.get("birth_date")
    columns = entities()["source_person"].columns
    typed_blocks = blocks.with_columns(
        _sex(fields, contract).alias("sex_code"),
        pl.col("sex_code").alias("sex_code_raw"),
        typed(
            pl.col("birth_date"), columns["birth_date"],
            pattern=birth.format if birth else None, compact=compact, scale=None,
        ).alias("birth_date"),
        valid.alias("has_valid_id_number"),
    )  # fmt: skip
    keys = _keys(typed_blocks, contract.member)
    rows = typed_blocks.select(
        vault.tokens("person", keys).alias("source_person_id"),
        vault.tokens(
            "id_number", pl.select(pl.when(valid).then(numbers)).to_series()
        ).alias("id_number_token"),
        vault.tokens("health_card", blocks["health_card_number"]).alias("health_card_token"),
        vault.tokens("insurance", blocks["insurance_number"]).alias("insurance_token"),
        vault.tokens("name", blocks["person_name"]).alias("name_token"),
        vault.tokens("phone", blocks["phone"]).alias("phone_token"),
        "sex_code", "sex_code_raw", "birth_date", "has_valid_id_number", "row_digest",
        FILE, RECORD, ITEM,
    )  # fmt: skip
    known = pl.DataFrame({"_run": blocks["_run"], "source_person_id": rows["source_person_id"]})
    links = source.select(FILE, RECORD, ITEM, run.alias("_run")).join(known, on="_run", how="left")
    named = rows["source_person_id"].is_not_null()
    sealed = blocks.select(*SEALED, "row_digest").with_columns(rows["source_person_id"])
    return People(
        links.drop("_run"),
        rows.filter(named).unique("row_digest", keep="first", maintain_order=True),
        sealed.filter(named).unique("row_digest", maintain_order=True),
    )


_NAMES = (*SEALED, "sex_code", "birth_date")


def _field(name: str, fields: dict[str, FieldMap]) -> pl.Expr:
    field_map = fields.get(name)
    if field_map is None or not field_map.sources:
        return pl.lit(None, pl.String)
    return pl.coalesce([pl.col(s) for s in field_map.sources])


def _sex(fields: dict[str, FieldMap], contract: Contract) -> pl.Expr:
    code = mapped_code(pl.col("sex_code"), fields.get("sex_code"), contract)
    return pl.when(code.is_in(list(contract.codes.code_system("sex")))).then(code)


def _keys(blocks: pl.DataFrame, member: str) -> pl.Series:
    def part(kind: str, *names: str) -> pl.Expr:
        return pl.concat_str([pl.lit(kind), *names], separator="|", ignore_nulls=False)

    weak = blocks.with_columns(birth=pl.col("birth_date").cast(pl.String))
    return weak.select(
        pl.coalesce(
            part(f"local|{member}", "local_id"),
            part("id_number", "id_number"),
            part("health_card", "health_card_number"),
            part("insurance", "insurance_number"),
            part(f"name|{member}", "person_name", "birth", "phone"),
            part(f"name|{member}", "person_name", "birth"),
        )
    ).to_series()
