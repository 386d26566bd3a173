"""From files to source tables, with every record accounted for.

Belongs here: calling the format a contract names, and that each record it found has given a row,
a problem or a declared reason for carrying nothing. Not here: what a format reads (`formats/`),
limits of memory and time (`guard.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

import numpy as np

from ingestion.contract import Contract
from ingestion.formats.source import FILE, RECORD, Parsed, Problem, SourceFile

_BITS = 40


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
    found = np.asarray(parsed.records, dtype=np.int64)
    rows = [
        _distinct(_places(table[FILE].to_numpy(), table[RECORD].to_numpy()))
        for table in parsed.tables.values()
    ]
    problems = [(p.file, p.record) for p in parsed.problems if p.record]
    told = np.array(problems, dtype=np.int64).reshape(-1, 2)
    known = _distinct(np.concatenate([*rows, _places(told[:, 0], told[:, 1])]))
    seen = np.bincount(known >> _BITS, minlength=len(found))[: len(found)]
    short = np.flatnonzero(seen < found)
    if not len(short):
        return []
    with_rows = set((np.concatenate(rows) >> _BITS).tolist()) if rows else set()
    refused = {p.file for p in parsed.problems if p.record == 0} - with_rows
    missing = []
    for file in short.tolist():
        if file in refused:  # the whole file is in quarantine already
            continue
        have = set((known[known >> _BITS == file] & ((1 << _BITS) - 1)).tolist())
        for number in range(1, int(found[file]) + 1):
            if number not in have:
                why = parsed.silent(file, number) if parsed.silent else ("not_taken", "")
                missing.append(Problem(file, number, 0, *why))
    return missing


def _places(files: np.ndarray, records: np.ndarray) -> np.ndarray:
    """File index and record number as one number."""
    places: np.ndarray = (files.astype(np.int64) << _BITS) + records
    return places


def _distinct(places: np.ndarray) -> np.ndarray:
    """Sorted and each once; rows of one record mostly stand together, so that goes first."""
    if len(places) > 1:
        places = places[np.concatenate([[True], places[1:] != places[:-1]])]
    distinct: np.ndarray = np.unique(places)
    return distinct
