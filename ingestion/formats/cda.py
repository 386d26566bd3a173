"""Shared documents (CDA R2: WS/T 500, WS/T 483 and others) to source tables.

Belongs here: documents to rows. Not here: safe XML (`xml_document.py`), the path language
(`cda_paths.py`), which path means what (`profiles/cda_*.yml`).
"""

from collections.abc import Sequence

import polars as pl

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.cda_paths import DocumentReader
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

CDA_ROOT = "ClinicalDocument"
FALLBACK_ENCODING = "gb18030"
DOCUMENT = ("document", "row")


class _Table:
    """Rows of one entity, as column lists."""

    def __init__(self, record: RecordMap, person: Sequence[str]) -> None:
        self.record = record
        own = [source for item in record.fields.values() for source in item.sources]
        self.paths = list(dict.fromkeys([*own, *person, *record.when]))
        self.columns: list[list[str | None]] = [[] for _ in self.paths]
        self.files: list[int] = []
        self.items: list[int] = []

    def add(self, reader: DocumentReader, file: int) -> None:
        """Rows of one document."""
        early = [path for path in self.record.when if path.startswith("/")]
        if not all(_matches(reader.document_value(p), self.record.when[p]) for p in early):
            return
        nodes = [reader.root] if self.record.each in DOCUMENT else reader.nodes(self.record.each)
        late = [path for path in self.record.when if path not in early]
        for item, node in enumerate(nodes, 1):
            values = [reader.value(path, node, item) for path in self.paths]
            found = dict(zip(self.paths, values, strict=True))
            if all(_matches(found[path], self.record.when[path]) for path in late):
                for column, value in zip(self.columns, values, strict=True):
                    column.append(value)
                self.files.append(file)
                self.items.append(item)

    def frame(self) -> pl.DataFrame:
        data: dict[str, list[str | None]] = dict(zip(self.paths, self.columns, strict=True))
        positions = {FILE: self.files, RECORD: [1] * len(self.files), ITEM: self.items}
        schema = {path: pl.String() for path in self.paths} | position_schema()
        return pl.DataFrame(data | positions, schema=schema)


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read one document a file.

    Args:
        files: Whole XML files.
        mapping: Its sources are data-element codes or XPaths without namespaces (`cda_paths.py`).
        encoding: Tried when a document is not in the character set it declares.
        options: `root`, the document element expected (`ClinicalDocument`).

    Returns:
        One table an entity; `_record` is always 1, `_item` numbers the `each` elements.

    Raises:
        ValueError: the mapping holds something that is no XPath.
    """
    expected = str((options or {}).get("root", CDA_ROOT))
    person = [source for item in mapping.person.values() for source in item.sources]
    tables = {entity: _Table(record, person) for entity, record in mapping.records.items()}
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        reader, defect = open_document(file.data, encoding, expected)
        if defect is not None:
            problems.append(Problem(index, 1 if reader else 0, 0, *defect))
        counts.append(1 if reader else 0)
        if reader is not None:
            for table in tables.values():
                table.add(reader, index)
    return Parsed({name: table.frame() for name, table in tables.items()}, problems, counts)


def open_document(
    data: bytes, encoding: str | None, expected: str
) -> tuple[DocumentReader | None, Defect | None]:
    """A reader over one document; a defect beside a reader means it could still be read."""
    kind = detect(data)
    if data.strip() and kind is not None and kind != "xml":
        return None, ("wrong_format", f"{kind} where XML was expected")
    root, defect = parse_xml(data)
    if root is None and defect is not None and defect[0] == "wrong_encoding":
        for codec in dict.fromkeys((encoding or FALLBACK_ENCODING, FALLBACK_ENCODING)):
            root, _ = parse_xml(data, codec)
            if root is not None:
                defect = ("wrong_encoding", f"is {codec}")
                break
    if root is None:
        return None, defect
    reader = DocumentReader(root)
    if reader.name != expected:
        return None, ("unsupported_document", f"XML root {reader.name[:60]}, not {expected}")
    return reader, defect


def _matches(value: str | None, wanted: Sequence[str]) -> bool:
    if value is None:
        return False
    return any(value.startswith(one[:-1]) if one.endswith("*") else value == one for one in wanted)
