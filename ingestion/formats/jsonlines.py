"""JSON lines, and files that are one JSON array, to source tables.

Belongs here: objects to rows. Not here: bytes to objects (`json_records.py`), the path language
(`json_paths.py`).
"""

from collections.abc import Sequence

import polars as pl

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.json_paths import ITEM_NUMBER, Step, compile_path, first_text, nodes
from ingestion.formats.json_records import MAX_FILE_BYTES, records
from ingestion.formats.source import (
    FILE,
    ITEM,
    RECORD,
    Parsed,
    Problem,
    SourceFile,
    position_schema,
)

ROW = "row"
Object = dict[str, object]


class _Table:
    """Rows of one entity, column by column."""

    def __init__(self, record: RecordMap, person: Sequence[str]) -> None:
        self.record = record
        own = [source for item in record.maps for source in item.sources]
        self.paths = list(dict.fromkeys([*own, *person, *record.when]))
        for path in self.paths:
            compile_path(path.removeprefix("/"))
        self.frames: list[pl.DataFrame] = []

    def add(self, file: int, numbers: list[int], objects: list[Object]) -> None:
        """Rows of one file's good records."""
        rows: list[object] = list(objects)
        of, items = list(range(len(objects))), [1] * len(objects)
        if self.record.each != ROW:
            rows, of, items = [], [], []
            for at, one in enumerate(objects):
                found = nodes(one, self.record.each)
                rows += found
                of += [at] * len(found)
                items += range(1, len(found) + 1)
        columns = {path: _column(path, rows, of, items, objects) for path in self.paths}
        frame = pl.DataFrame(
            {
                **{path: pl.Series(values, dtype=pl.String) for path, values in columns.items()},
                FILE: [file] * len(rows),
                RECORD: [numbers[at] for at in of],
                ITEM: items,
            },
            schema_overrides=position_schema(),
        )
        for path, values in self.record.when.items():
            frame = frame.filter(pl.col(path).str.strip_chars().is_in(values))
        self.frames.append(frame)

    def frame(self) -> pl.DataFrame:
        schema = {path: pl.String() for path in self.paths} | position_schema()
        empty = pl.DataFrame(schema=schema)
        return pl.concat([empty, *self.frames])


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read JSON lines, or one array of objects a file.

    Args:
        files: Whole files.
        mapping: Its sources are paths (`json_paths.py`); `each` is the path of an array whose
            elements are the rows, from which `/name` reaches the record they stand in.
        encoding: Codec agreed, applied strictly; None accepts UTF-8 and GB 18030.
        options: `records`, the dotted name of the array inside a single object; `max_bytes`.

    Returns:
        One table an entity; `_record` is the line (blank ones not counted) or the array element,
        `_item` numbers the `each` elements of a record. A line that is no object is refused alone.

    Raises:
        ValueError: the mapping holds something that is no path.
    """
    options = options or {}
    member = str(options["records"]) if "records" in options else None
    limit = int(options.get("max_bytes", MAX_FILE_BYTES))
    person = [source for item in mapping.shared for source in item.sources]
    tables = {entity: _Table(record, person) for entity, record in mapping.records.items()}
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        numbers: list[int] = []
        objects: list[Object] = []
        found = 0
        for number, one in records(file.data, encoding, member=member, max_bytes=limit):
            found = max(found, number)
            if isinstance(one, dict):
                numbers.append(number)
                objects.append(one)
            else:
                problems.append(Problem(index, number, 0, *one))
        counts.append(found)
        for table in tables.values():
            table.add(index, numbers, objects)
    return Parsed({name: table.frame() for name, table in tables.items()}, problems, counts)


def _column(
    path: str, rows: list[object], of: list[int], items: list[int], objects: list[Object]
) -> list[str | None]:
    """Values of one path, a row each."""
    if path == ITEM_NUMBER:
        return [str(item) for item in items]
    steps = compile_path(path.removeprefix("/"))
    if path.startswith("/"):
        shared = _values(steps, objects)
        return [shared[at] for at in of]
    return _values(steps, rows)


def _values(steps: Sequence[Step], rows: Sequence[object]) -> list[str | None]:
    if any(step.tests or step.follow for step in steps):
        return [first_text(one, steps) for one in rows]
    names = [step.name for step in steps]
    return [_plain(one, names, steps) for one in rows]


def _plain(row: object, names: list[str], steps: Sequence[Step]) -> str | None:
    """The value at a path of names only; the usual case, objects all the way, is read at once."""
    value = row
    for name in names:
        if type(value) is not dict:
            return first_text(row, steps)
        value = value.get(name)
        if value is None:
            return None
    return value or None if type(value) is str else first_text(value, ())
