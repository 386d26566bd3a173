"""From files to source tables, with every record accounted for.

Belongs here: calling the format a contract names, and that each record it found has given a row,
a problem or a declared reason for carrying nothing. Not here: what a format reads (`formats/`),
limits of memory and time (`guard.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

import polars as pl

from ingestion.contract import Contract
from ingestion.formats.source import FILE, RECORD, Parsed, Problem, SourceFile

_PLACE = {FILE: pl.Int32(), RECORD: pl.Int64()}


def parse(contract: Contract, files: Sequence[SourceFile]) -> Parsed:
    """Read a batch of files with the format module the contract names.

    A record that gave neither row nor problem becomes a problem `not_taken`, so that it is booked
    and can be replayed, unless its format declares that such a record carries nothing.
    """
    module = import_module(f"ingestion.formats.{contract.format}")
    parsed: Parsed = module.read(
        files, contract.mapping(), encoding=contract.encoding, options=dict(contract.options)
    )
    silent = _silent(parsed)
    lost = [p for p in silent if p.code != "carries_nothing"]
    empty = [p for p in silent if p.code == "carries_nothing"]
    return replace(parsed, problems=[*parsed.problems, *lost], empty=empty, silent=None)


def _silent(parsed: Parsed) -> list[Problem]:
    """Each record that gave neither row nor problem; grain: a record of a file."""
    found = pl.Series("found", list(parsed.records), dtype=pl.Int64)
    rows = [table.select(FILE, RECORD).unique() for table in parsed.tables.values()]
    places = [(p.file, p.record) for p in parsed.problems if p.record]
    known = pl.concat([*rows, pl.DataFrame(places, schema=_PLACE, orient="row")]).unique()
    seen = known.group_by(FILE).len("seen")
    files = pl.DataFrame({FILE: pl.int_range(len(found), dtype=pl.Int32, eager=True)})
    short = (
        files.with_columns(found)
        .join(seen, on=FILE, how="left")
        .filter(pl.col("seen").fill_null(0) < pl.col("found"))
    )
    with_rows = set(pl.concat(rows)[FILE].unique()) if rows and len(short) else set()
    refused = {p.file for p in parsed.problems if p.record == 0} - with_rows
    missing = []
    for file, count, _ in short.iter_rows():
        if file in refused:  # the whole file is in quarantine already
            continue
        have = set(known.filter(pl.col(FILE) == file)[RECORD])
        for number in range(1, count + 1):
            if number not in have:
                why = parsed.silent(file, number) if parsed.silent else ("not_taken", "")
                missing.append(Problem(file, number, 0, *why))
    return missing
