"""SQLite database files to source tables.

Belongs here: opening an extract without ever writing or trusting it. Not here: live databases,
which are a transport.
"""

import sqlite3
from collections.abc import Sequence

import polars as pl

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.source import (
    FILE,
    ITEM,
    RECORD,
    Parsed,
    Problem,
    SourceFile,
    position_schema,
)

MAX_FILE_BYTES = 1 << 30
HEADER = b"SQLite format 3\0"
HEADER_BYTES = 100
PAGE_SIZE_AT, PAGE_COUNT_AT = slice(16, 18), slice(28, 32)
TABLE_NAMES = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
MAX_STEPS = 200_000
MAX_PROGRESS_CALLS = 5_000

Defect = tuple[str, str]


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read one table of each SQLite file.

    Args:
        files: Whole database files.
        mapping: Its sources are column names.
        encoding: Not used; SQLite files know theirs.
        options: `table`, the table to read (may be left out when there is only one); `max_bytes`.

    Returns:
        One table an entity, all values as text; `_record` is the row in rowid order, `_item` 1.
    """
    options = options or {}
    person = [source for item in mapping.shared for source in item.sources]
    groups = [item.sources for item in mapping.shared if item.sources]
    for record in mapping.records.values():
        groups += [item.sources for item in record.maps if item.sources]
        groups += [(name,) for name in record.when]
    frames: dict[str, list[pl.DataFrame]] = {entity: [] for entity in mapping.records}
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        found = read_table(file.data, options)
        if isinstance(found, tuple):
            problems.append(Problem(index, 0, 0, *found))
            counts.append(0)
            continue
        counts.append(found.height)
        missing = [g[0] for g in groups if not any(name in found.columns for name in g)]
        if missing:
            problems.append(Problem(index, 0, 0, "missing_column", "、".join(missing[:10])))
            continue
        for entity, record in mapping.records.items():
            frames[entity].append(_table(found, record, _columns(record, person), index))
    tables = {
        entity: pl.concat(frames[entity]) if frames[entity] else _empty(record, person)
        for entity, record in mapping.records.items()
    }
    return Parsed(tables, problems, counts)


def read_table(data: bytes, options: dict[str, str | int | bool]) -> pl.DataFrame | Defect:
    """All rows of the wanted table as text, or the reason why there are none."""
    defect = _header_defect(data, int(options.get("max_bytes", MAX_FILE_BYTES)))
    if defect:
        return defect
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(data)
        connection.execute("pragma query_only = on")
        connection.execute("pragma trusted_schema = off")
        calls = 0

        def too_long() -> bool:
            nonlocal calls
            calls += 1
            return calls > MAX_PROGRESS_CALLS

        connection.set_progress_handler(too_long, MAX_STEPS)
        connection.text_factory = _text
        names = [name for (name,) in connection.execute(TABLE_NAMES)]
        table = options.get("table") or (names[0] if len(names) == 1 else None)
        if table not in names:
            return "missing_table", str(table or "several tables and none named")
        quoted = '"' + str(table).replace('"', '""') + '"'
        cursor = connection.execute(f"select * from {quoted}")
        columns = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    except UnicodeDecodeError:
        return "wrong_encoding", "text that is not in the database's encoding"
    except (sqlite3.Error, MemoryError) as error:
        return "malformed_database", type(error).__name__
    finally:
        connection.close()
    return pl.DataFrame(
        {
            name: pl.Series([_as_text(row[at]) for row in rows], dtype=pl.String)
            for at, name in enumerate(columns)
        }
    )


def table_names(data: bytes) -> list[str] | Defect:
    """Names of a file's tables, or the reason why it cannot be opened."""
    defect = _header_defect(data, MAX_FILE_BYTES)
    if defect:
        return defect
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(data)
        return [str(name) for (name,) in connection.execute(TABLE_NAMES)]
    except (sqlite3.Error, UnicodeDecodeError, MemoryError) as error:
        return "malformed_database", type(error).__name__
    finally:
        connection.close()


def _header_defect(data: bytes, max_bytes: int) -> Defect | None:
    if not data.strip(b"\0 \r\n\t"):
        return "empty_file", ""
    if len(data) > max_bytes:
        return "file_too_large", f"{len(data)} bytes"
    if len(data) < HEADER_BYTES or not data.startswith(HEADER):
        return "malformed_database", "no SQLite header"
    page = int.from_bytes(data[PAGE_SIZE_AT], "big")
    page = 65536 if page == 1 else page
    pages = int.from_bytes(data[PAGE_COUNT_AT], "big")
    if page < 512 or page & (page - 1):
        return "malformed_database", "impossible page size"
    if len(data) < page * pages:
        return "malformed_database", f"{len(data)} of {page * pages} bytes"
    return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8")


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _columns(record: RecordMap, person: Sequence[str]) -> list[str]:
    own = [source for item in record.maps for source in item.sources]
    return list(dict.fromkeys([*own, *person, *record.when]))


def _table(rows: pl.DataFrame, record: RecordMap, wanted: list[str], index: int) -> pl.DataFrame:
    table = rows.select(
        *(pl.col(n) if n in rows.columns else pl.lit(None, pl.String).alias(n) for n in wanted),
        pl.lit(index, pl.Int32()).alias(FILE),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64()).alias(RECORD),
        pl.lit(1, pl.Int64()).alias(ITEM),
    )
    for name, values in record.when.items():
        table = table.filter(pl.col(name).is_in(values))
    return table


def _empty(record: RecordMap, person: Sequence[str]) -> pl.DataFrame:
    schema: dict[str, pl.DataType] = {name: pl.String() for name in _columns(record, person)}
    return pl.DataFrame(schema=schema | position_schema())
