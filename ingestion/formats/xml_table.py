"""XML files that are tables: one repeated element a row.

Belongs here: rows and their child paths. Not here: safe XML (`xml_document.py`), shared documents
(`cda.py`).

A path is read from the row's element: `name`, `visit/number`, `@id`, `visit/@id`, `.` (the row's
own text), `../number` (the element around it); with a leading `/` from the document element, whose
name is left out (`/header/batch`); `item()` is the row's number in the file. Namespaces are
ignored.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl
from lxml import etree

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.cda_paths import ITEM_NUMBER, DocumentReader
from ingestion.formats.delimited import GridDefect, decode
from ingestion.formats.detect import detect
from ingestion.formats.source import (
    FILE,
    ITEM,
    RECORD,
    Parsed,
    Problem,
    SourceFile,
    position_schema,
)
from ingestion.formats.xml_document import Defect, parse_xml

ROW = "row"
FALLBACK_ENCODING = "gb18030"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
NAME = r"[^\s/@\[\]().:{}*=!]+(?:\.[^\s/@\[\]().:{}*=!]+)*"
PATH = re.compile(rf"(/?)((?:\.\./)*)({NAME}(?:/{NAME})*)?(?:(?:^|/|(?<=/))@({NAME}))?")


@dataclass(frozen=True)
class Path:
    """A compiled path: where to start, how far up, which elements down, which attribute."""

    from_root: bool
    up: int
    down: str | None
    attribute: str | None

    def value(self, row: etree._Element, root: etree._Element) -> str | None:
        node: etree._Element | None = root if self.from_root else row
        for _ in range(self.up):
            node = None if node is None else node.getparent()
        if node is not None and self.down:
            node = node.find(self.down)
        if node is None:
            return None
        if self.attribute:
            found: str | None = node.get(self.attribute)
            return found
        return str(node.text or "") if not len(node) else "".join(node.itertext())


@cache
def compile_path(text: str) -> Path:
    """Compile once.

    Raises:
        ValueError: the text is no path.
    """
    found = PATH.fullmatch("" if text == "." else text)
    if found is None:
        raise ValueError(f"not a path: {text}")
    return Path(bool(found[1]), found[2].count(".."), found[3], found[4])


class _Table:
    """Rows of one entity, as column lists."""

    def __init__(self, record: RecordMap, person: Sequence[str], row: str | None) -> None:
        self.record = record
        self.row = row if record.each == ROW else record.each
        if self.row is None:
            raise ValueError("options.row must name the repeated element")
        own = [source for item in record.maps for source in item.sources]
        self.paths = list(dict.fromkeys([*own, *person, *record.when]))
        self._compiled = [
            None if path == ITEM_NUMBER else compile_path(path) for path in self.paths
        ]
        self._columns: list[list[str | None]] = [[] for _ in self.paths]
        self._files: list[int] = []
        self._numbers: list[int] = []

    def add(self, root: etree._Element, file: int) -> int:
        """Rows of one document; returns how many elements it has."""
        number = 0
        for number, node in enumerate(root.iter(self.row), 1):
            for column, path in zip(self._columns, self._compiled, strict=True):
                column.append(str(number) if path is None else path.value(node, root))
            self._files.append(file)
            self._numbers.append(number)
        return number

    def frame(self) -> pl.DataFrame:
        data = dict(zip(self.paths, self._columns, strict=True))
        positions = {FILE: self._files, RECORD: self._numbers, ITEM: [1] * len(self._files)}
        schema = {path: pl.String() for path in self.paths} | position_schema()
        table = pl.DataFrame(data | positions, schema=schema)
        for path, values in self.record.when.items():
            table = table.filter(pl.col(path).str.strip_chars().is_in(values))
        return table


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read the repeated elements of XML files.

    Args:
        files: Whole XML files.
        mapping: Its sources are paths from the row's element (module docstring); `each` may name
            another row element than `options.row`.
        encoding: Codec agreed for files that are not in the character set they declare.
        options: `row`, the name of the repeated element.

    Returns:
        One table an entity; `_record` is the element's number in the file, `_item` 1. A file with
        content but without any row element is refused.

    Raises:
        ValueError: no row element is named, or the mapping holds something that is no path.
    """
    name = (options or {}).get("row")
    person = [source for item in mapping.shared for source in item.sources]
    tables = {
        entity: _Table(record, person, None if name is None else str(name))
        for entity, record in mapping.records.items()
    }
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        root, defect = open_table(file.data, encoding)
        if defect is not None:
            problems.append(Problem(index, 0, 0, *defect))
        found = 0
        if root is not None:
            found = max((table.add(root, index) for table in tables.values()), default=0)
            if not found and len(root):
                wanted = "、".join(dict.fromkeys(str(table.row) for table in tables.values()))
                problems.append(Problem(index, 0, 0, "missing_table", f"no element {wanted}"))
        counts.append(found)
    return Parsed({entity: table.frame() for entity, table in tables.items()}, problems, counts)


def open_table(data: bytes, encoding: str | None) -> tuple[etree._Element | None, Defect | None]:
    """The document element without namespaces; a defect beside it means it could still be read."""
    kind = detect(data)
    if data.strip() and kind is not None and kind != "xml":
        return None, ("wrong_format", f"{kind} where XML was expected")
    agreed = (encoding or "").lower()
    if agreed and data[:2] in UTF16_MARKS and not agreed.startswith("utf-16"):
        return None, ("wrong_encoding", f"UTF-16 where {agreed} was agreed")
    root, defect = parse_xml(data)
    if root is None and defect is not None and defect[0] == "wrong_encoding":
        codec = encoding or FALLBACK_ENCODING
        if not isinstance(decode(data, codec), GridDefect):
            root, _ = parse_xml(data, codec)
        if root is not None:
            defect = None if encoding else ("wrong_encoding", f"is {codec}")
    return (None if root is None else DocumentReader(root).root), defect


def likely_row(root: etree._Element) -> str | None:
    """The element that repeats first on the way down, for looking at files of unknown origin."""
    level = [root]
    while level:
        seen = Counter(str(child.tag) for node in level for child in node)
        repeated = next((name for name, count in seen.items() if count > 1), None)
        if repeated is not None:
            return repeated
        level = [child for node in level for child in node]
    return None
