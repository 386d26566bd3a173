"""Shared documents (CDA R2: WS/T 500, WS/T 483 and others) to source tables.

Belongs here: documents to rows. Not here: safe XML (`xml_document.py`), rows (`document_table.py`),
the path language (`cda_paths.py`), which path means what (`profiles/cda_*.yml`).
"""

from collections.abc import Sequence

from ingestion.contract import Mapping
from ingestion.formats.cda_paths import DocumentReader
from ingestion.formats.document_table import open_root, tables_of
from ingestion.formats.source import Parsed, Problem, SourceFile
from ingestion.formats.xml_document import Defect

CDA_ROOT = "ClinicalDocument"


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
    tables = tables_of(mapping)
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
    root, defect = open_root(data, encoding)
    if root is None:
        return None, defect
    reader = DocumentReader(root)
    if reader.name != expected:
        return None, ("unsupported_document", f"XML root {reader.name[:60]}, not {expected}")
    return reader, defect
