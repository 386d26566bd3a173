"""What a feed's sample becomes, row by row, in a file that is read when it changes.

Belongs here: the text of `sites/<site>/golden/<feed>.jsonl`. Not here: how rows come about
(`conform.py`, `person.py`), nor keys, tokens and lineage, which differ from lake to lake.

Run `python -m ingestion.golden SITE [FEED ...]` (`make golden` for the demo) after a contract,
profile, crosswalk or reader has changed, and read the diff against the samples before it is
committed.
"""

import json
import sys
from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from ingestion.conform import clean, conform
from ingestion.contract import Contract
from ingestion.entity import entities
from ingestion.formats.source import FILE, ITEM, RECORD, SourceFile
from ingestion.parse import parse
from ingestion.person import SEALED, people
from ingestion.site import Site, find_site
from ingestion.vault import Vault

_POSITION = (FILE, RECORD, ITEM)


def golden_lines(contract: Contract, sample: Path, vault: Vault) -> Iterator[str]:
    """One JSON object a line: every conformed row, everybody it names, and what was left behind.

    - rows: `entity`, `record`, `item`, `person` (who it is about) and every column that is not null
    - people: `person` and every field of the person block
    - `unmapped` codes, `refused` rows and `problem`s of the reader, with their positions

    Args:
        vault: Any; tokens only tell people apart and do not appear.
    """
    mapping = contract.mapping()
    parsed = parse(contract, [SourceFile(sample.name, sample.read_bytes())])
    blocks: list[pl.DataFrame] = []
    for name, table in parsed.tables.items():
        source, entity = clean(table), entities()[name]
        result = conform(
            source, entity=entity, record=mapping.records[name], contract=contract,
            hidden=[field for field in mapping.person_sources if field in source.columns],
        )  # fmt: skip
        rows = result.accepted.drop("row_digest")
        if entity.person and mapping.person:
            found = people(source, fields=mapping.person, contract=contract, vault=vault)
            known = found.sealed.drop("row_digest").join(
                found.rows.select(
                    "source_person_id", "sex_code", "sex_code_raw", "birth_date",
                    "has_valid_id_number",
                ),
                on="source_person_id", how="left", maintain_order="left",
            ).unique(maintain_order=True)  # fmt: skip
            label = pl.coalesce(*SEALED).alias("person")
            who = known.select("source_person_id", label).unique("source_person_id", keep="first")
            links = found.links.join(who, on="source_person_id").drop("source_person_id")
            rows = rows.join(links, on=_POSITION, how="left", maintain_order="left")
            blocks.append(known.select(label, pl.exclude("source_person_id")))
        yield from _lines(rows, {"entity": name})
        yield from _lines(result.unmapped, {"entity": name, "unmapped": True})
        yield from _lines(result.refused.drop("row_digest"), {"entity": name, "refused": True})
    if blocks:
        yield from _lines(pl.concat(blocks).unique(maintain_order=True), {})
    for problem in parsed.problems:
        place = {"record": problem.record, "item": problem.item}
        yield _text({"problem": problem.code, **place, "detail": problem.detail})


def golden_difference(site: Site, feed: str, sample: Path, vault: Vault) -> int | None:
    """The first line, counted from 1, in which the sample's rows are not the golden ones.

    None when they are the same, or when the feed has no golden rows.
    """
    path = site.golden(feed)
    if not path.exists():
        return None
    written = path.read_text("utf-8").splitlines()
    found = list(golden_lines(site.contracts[feed], sample, vault))
    lines = enumerate(zip_longest(found, written), start=1)
    return next((number for number, (ours, theirs) in lines if ours != theirs), None)


def write_golden(site: Site, feeds: Collection[str] = ()) -> list[Path]:
    """Write the golden rows of a site's samples; a feed that is gone loses its file.

    Args:
        feeds: Only these; all when empty.

    Raises:
        ValueError: a feed has no sample, or several; the feeds before it are written.
    """
    contracts = site.contracts
    folder = site.folder / "golden"
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.jsonl"):
        if path.stem not in contracts:
            path.unlink()
    written = []
    with TemporaryDirectory() as scratch, Vault(Path(scratch)) as vault:
        for feed, contract in contracts.items():
            if feeds and feed not in feeds:
                continue
            samples = site.samples(feed)
            if len(samples) != 1:
                raise ValueError(f"{feed} 应有一个样本，现有 {len(samples)} 个")
            path = site.golden(feed)
            lines = golden_lines(contract, samples[0], vault)
            path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            written.append(path)
    return written


def _lines(rows: pl.DataFrame, first: dict[str, Any]) -> Iterator[str]:
    short = {RECORD: "record", ITEM: "item"}
    rows = rows.drop(FILE, strict=False).rename({c: n for c, n in short.items() if c in rows})
    for row in rows.iter_rows(named=True):
        yield _text(first | {name: value for name, value in row.items() if value is not None})


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=_written)


def _written(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value))


if __name__ == "__main__":
    write_golden(find_site(sys.argv[1]), sys.argv[2:])
