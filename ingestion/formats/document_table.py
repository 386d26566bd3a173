"""XML documents and messages as rows of string-typed source tables.

Belongs here: opening XML in whatever character set it is in, and one row a chosen element. Not
here: which root elements a format knows (`cda.py`, `hl7v3.py`), the path language (`cda_paths.py`).
"""

from collections.abc import Sequence

import polars as pl
from lxml import etree

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.cda_paths import DocumentReader
from ingestion.formats.detect import detect
from ingestion.formats.source import FILE, ITEM, RECORD, position_schema
from ingestion.formats.xml_document import Defect, parse_xml

FALLBACK_ENCODING = "gb18030"
WHOLE = ("document", "row")


class DocumentTable:
    """Rows of one entity, as column lists."""

    def __init__(self, record: RecordMap, person: Sequence[str]) -> None:
        self.record = record
        own = [source for item in record.maps for source in item.sources]
        self.paths = list(dict.fromkeys([*own, *person, *record.when]))
        self.columns: list[list[str | None]] = [[] for _ in self.paths]
        self.files: list[int] = []
        self.records: list[int] = []
        self.items: list[int] = []

    def add(self, reader: DocumentReader, file: int, record: int = 1) -> None:
        """Rows of one document or message."""
        early = [path for path in self.record.when if path.startswith("/")]
        if not all(_matches(reader.document_value(p), self.record.when[p]) for p in early):
            return
        nodes = [reader.root] if self.record.each in WHOLE else reader.nodes(self.record.each)
        late = [path for path in self.record.when if path not in early]
        for item, node in enumerate(nodes, 1):
            values = [reader.value(path, node, item) for path in self.paths]
            found = dict(zip(self.paths, values, strict=True))
            if all(_matches(found[path], self.record.when[path]) for path in late):
                for column, value in zip(self.columns, values, strict=True):
                    column.append(value)
                self.files.append(file)
                self.records.append(record)
                self.items.append(item)

    def frame(self) -> pl.DataFrame:
        data: dict[str, list[str | None]] = dict(zip(self.paths, self.columns, strict=True))
        positions = {FILE: self.files, RECORD: self.records, ITEM: self.items}
        schema = {path: pl.String() for path in self.paths} | position_schema()
        return pl.DataFrame(data | positions, schema=schema)


def tables_of(mapping: Mapping) -> dict[str, DocumentTable]:
    """An empty table for each entity of a mapping."""
    person = [source for item in mapping.shared for source in item.sources]
    return {entity: DocumentTable(record, person) for entity, record in mapping.records.items()}


def open_root(data: bytes, encoding: str | None) -> tuple[etree._Element | None, Defect | None]:
    """The root element; a defect beside it means that it could still be read."""
    kind = detect(data)
    if data.strip() and kind is not None and kind != "xml":
        return None, ("wrong_format", f"{kind} where XML was expected")
    root, defect = parse_xml(data)
    if root is None and defect is not None and defect[0] == "wrong_encoding":
        for codec in dict.fromkeys((encoding or FALLBACK_ENCODING, FALLBACK_ENCODING)):
            root, _ = parse_xml(data, codec)
            if root is not None:
                return root, ("wrong_encoding", f"is {codec}")
    return root, defect


def _matches(value: str | None, wanted: Sequence[str]) -> bool:
    if value is None:
        return False
    return any(value.startswith(one[:-1]) if one.endswith("*") else value == one for one in wanted)
