"""The person block of a record: tokens for silver, sealed fields for the vault.

Belongs here: what identifies a person in one member's records. Not here: reading one value
(`person_values.py`), forms of a name (`name_keys.py`), who is who across members (`identity/`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ingestion.cast import COMPACT_FORMATS
from ingestion.conform import mapped_code, row_digests
from ingestion.contract import Contract, FieldMap
from ingestion.entity import entities
from ingestion.formats.source import FILE, ITEM, RECORD
from ingestion.name_keys import keys_of
from ingestion.person_values import (
    LIKE_ID_NUMBER,
    NUMBERS,
    ODD_ID_NUMBER,
    ODD_NAME,
    ODD_NUMBER,
    ODD_PHONE,
    ODD_TEXT,
    birth_dates,
    birth_in,
    current_id_number,
    is_lossy,
    nameless,
    national,
    number,
    only,
    person_name,
    phone,
    plain,
    repairs,
    valid_id_number,
)
from ingestion.runs import runs
from ingestion.vault import Vault

SEALED = (
    "local_id", "person_name", "id_number", "health_card_number", "insurance_number", "phone",
    "address",
)  # fmt: skip
READING = 2
"""Counts up when this file reads the same block otherwise: older batches then lag."""


@dataclass(frozen=True)
class People:
    """`links`: position (file, record, item) to source_person_id, for every row that names someone.
    `rows`: silver/source_person rows without lineage, one a distinct block, with `row_digest` and
    the position where it stands first.
    `sealed`: the identifying fields by source_person_id and digest, for the vault only."""

    links: pl.DataFrame
    rows: pl.DataFrame
    sealed: pl.DataFrame


def people(
    source: pl.DataFrame, *, fields: dict[str, FieldMap], contract: Contract, vault: Vault
) -> People:
    """Tokens and sealed fields of the people in one cleaned source table.

    A person is known within a member by the local number, else by a valid ID number, else by ID
    number, card or insurance number with the name, else by name, birth date and phone together. A
    record that names nobody has no link. What was given and identifies nobody is named in
    `identity_flags`.
    """
    read = list(dict.fromkeys(s for name in _NAMES for s in _sources(name, fields)))
    first, run = runs(source, read)
    given, run = _each_once(source.filter(first), read, run)
    blocks, flags = _blocks(given, fields)
    blocks = blocks.with_columns(
        row_digests(blocks), given["_run"], *given.select(FILE, RECORD, ITEM)
    )
    numbers = blocks.select(current_id_number(pl.col("id_number"))).to_series()
    valid = blocks.select(valid_id_number(pl.lit(numbers)).fill_null(False)).to_series()
    compact = contract.format in COMPACT_FORMATS
    birth = fields.get("birth_date")
    typed_blocks = blocks.with_columns(
        _sex(fields, contract).alias("sex_code"),
        pl.col("sex_code").alias("sex_code_raw"),
        birth_dates(
            blocks["birth_date"], entities()["source_person"].columns["birth_date"],
            pattern=birth.format if birth else None, compact=compact,
        ).alias("birth_date"),
        valid.alias("has_valid_id_number"),
        pl.Series("_number", numbers),
    )  # fmt: skip
    flags = [
        *flags,
        _flag(blocks["id_number"].is_not_null() & ~valid, "invalid:id_number"),
        _flag(
            blocks["birth_date"].is_not_null() & typed_blocks["birth_date"].is_null(),
            "unreadable:birth_date",
        ),
    ]
    keys = _keys(typed_blocks, contract.member)
    rows = typed_blocks.select(
        vault.tokens("person", keys).alias("source_person_id"),
        *_number_tokens(blocks, numbers, valid, vault),
        *_name_tokens(blocks["person_name"], vault),
        "sex_code", "sex_code_raw", "birth_date",
        pl.when("has_valid_id_number").then(birth_in(pl.col("_number"))).alias("id_birth_date"),
        "has_valid_id_number",
        pl.select(pl.concat_list(flags).list.drop_nulls().list.join(";").alias("f"))
        .select(pl.when(pl.col("f") != "").then("f")).to_series().alias("identity_flags"),
        "row_digest",
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


def _each_once(
    given: pl.DataFrame, read: list[str], run: pl.Series
) -> tuple[pl.DataFrame, pl.Series]:
    """Each combination of the fields once, where it stands first, with its number `_run`; and the
    number of every row of the source, which `run` gave for the runs."""
    if not read:
        return given.with_columns(_run=pl.lit(0, run.dtype)), run
    number = given.select(pl.struct(read).rank("dense").cast(run.dtype) - 1).to_series()
    marked = given.with_columns(number.alias("_run"))
    return marked.unique("_run", keep="first", maintain_order=True), number.gather(run)


def _sources(name: str, fields: dict[str, FieldMap]) -> Sequence[str]:
    field_map = fields.get(name)
    return field_map.sources if field_map else ()


def _blocks(given: pl.DataFrame, fields: dict[str, FieldMap]) -> tuple[pl.DataFrame, list[pl.Expr]]:
    """The block of each row as it identifies, and flags of what was given and does not.

    Of several sources the first that identifies is taken; a local number that is a citizen number
    is none.
    """
    columns: list[pl.Series] = []
    flags: list[pl.Expr] = []
    for name in _NAMES:
        raw = [only(given[s], ODD_TEXT, plain) for s in _sources(name, fields)]
        texts = [_read(name, value) for value in raw]
        if not texts:
            columns.append(pl.Series(name, [None] * given.height, dtype=pl.String))
            continue
        found = pl.select(pl.coalesce([pl.lit(t) for t in texts])).to_series().alias(name)
        columns.append(found)
        if name in NUMBERS or name == "person_name":
            was = pl.select(pl.coalesce([pl.lit(r) for r in raw])).to_series()
            lost = found.is_null() & was.is_not_null()
            lossy = lost & pl.select(is_lossy(pl.lit(was)).fill_null(False)).to_series()
            flags.append(_flag(lossy, f"lossy:{name}"))
            flags.append(_flag(lost & ~lossy, f"placeholder:{name}"))
    return pl.DataFrame(columns), flags


def _read(name: str, value: pl.Series) -> pl.Series:
    """One field as it identifies, from its plain text."""
    if name == "person_name":
        whole = only(value, ODD_NAME, person_name)
        return only(whole, ODD_NAME, lambda text: pl.when(~nameless(text)).then(text))
    if name not in NUMBERS:
        return value
    found = only(value, ODD_NUMBER, number)
    if name == "id_number":
        return only(found, ODD_ID_NUMBER, national)
    if name == "phone":
        return only(found, ODD_PHONE, lambda text: number(pl.coalesce(phone(text), text)))
    if name == "local_id":
        return only(
            found, LIKE_ID_NUMBER, lambda own: pl.when(~valid_id_number(own.str.to_uppercase()))
            .then(own)
        )  # fmt: skip
    return found


def _flag(where: pl.Series, what: str) -> pl.Expr:
    return pl.when(pl.lit(where)).then(pl.lit(what))


def _number_tokens(
    blocks: pl.DataFrame, numbers: pl.Series, valid: pl.Series, vault: Vault
) -> list[pl.Series]:
    """Tokens of numbers. A wrong ID number is kept as it was written, with the valid numbers that
    one slip makes of it."""
    right = pl.select(pl.when(valid).then(numbers)).to_series()
    wrong = pl.select(pl.when(~valid).then(numbers)).to_series()
    known = wrong.drop_nulls().unique()
    mended = pl.Series(
        [
            " ".join(vault.token("id_number", one) for one in repairs(text)) or None
            for text in known
        ],
        dtype=pl.String,
    )
    return [
        vault.tokens("id_number", right).alias("id_number_token"),
        vault.tokens("id_written", wrong).alias("id_written_token"),
        wrong.replace_strict(known, mended, default=None, return_dtype=pl.String).alias(
            "id_repair_tokens"
        ),
        vault.tokens("health_card", blocks["health_card_number"]).alias("health_card_token"),
        vault.tokens("insurance", blocks["insurance_number"]).alias("insurance_token"),
        vault.tokens("phone", blocks["phone"]).alias("phone_token"),
        vault.tokens("address", blocks["address"].str.replace_all(r"\s+", "")).alias(
            "address_token"
        ),
    ]


def _name_tokens(names: pl.Series, vault: Vault) -> list[pl.Series]:
    keys = keys_of(names)
    return [
        vault.tokens("name", keys["plain"]).alias("name_token"),
        vault.tokens("name_sound", keys["sound"]).alias("name_sound_token"),
        vault.tokens("name_consonants", keys["consonants"]).alias("name_consonants_token"),
        vault.tokens("surname", keys["surname"]).alias("surname_token"),
        vault.tokens("name", keys["mother"]).alias("mother_token"),
    ]


def _sex(fields: dict[str, FieldMap], contract: Contract) -> pl.Expr:
    code = mapped_code(pl.col("sex_code"), fields.get("sex_code"), contract)
    return pl.when(code.is_in(list(contract.codes.code_system("sex")))).then(code)


def local_keys(member: str, numbers: pl.Series) -> pl.Series:
    """What a member's numbers of people are tokenised as, to give their `source_person_id`."""
    return pl.select(pl.concat_str(pl.lit(f"local|{member}"), numbers, separator="|")).to_series()


def _keys(blocks: pl.DataFrame, member: str) -> pl.Series:
    def part(kind: str, *names: str) -> pl.Expr:
        return pl.concat_str([pl.lit(kind), *names], separator="|", ignore_nulls=False)

    weak = blocks.with_columns(birth=pl.col("birth_date").cast(pl.String))
    return weak.select(
        pl.coalesce(
            part(f"local|{member}", "local_id"),
            pl.when("has_valid_id_number").then(part("id_number", "_number")),
            part("id_number", "id_number", "person_name"),
            part("health_card", "health_card_number", "person_name"),
            part("insurance", "insurance_number", "person_name"),
            part("id_number", "id_number"),
            part("health_card", "health_card_number"),
            part("insurance", "insurance_number"),
            part(f"name|{member}", "person_name", "birth", "phone"),
            part(f"name|{member}", "person_name", "birth"),
            part(f"name|{member}", "person_name", "phone"),
        )
    ).to_series()
