"""HL7 V3 messages of the hospital and regional platform services to source tables.

Belongs here: finding the interactions of a file. Not here: safe XML (`xml_document.py`), rows
(`document_table.py`), which path means what (`profiles/hl7v3_*.yml`).

A file is one interaction, or a batch of them (`MCCI_IN200100UV01`), with or without a SOAP
envelope. Every interaction is a record; one that a mapping makes nothing of is named as a problem.

Source: HL7 V3 transmission infrastructure (MCCI); printed examples of the platform services.
"""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy

from lxml import etree

from ingestion.contract import Mapping
from ingestion.formats.cda_paths import DocumentReader
from ingestion.formats.document_table import open_root, tables_of
from ingestion.formats.source import Parsed, Problem, SourceFile

INTERACTION = re.compile(r"[A-Z]{4}_IN\d{6}(?:UV\d{0,2})?")
BATCH = "MCCI_IN200100UV01"
ENVELOPE = "Envelope"


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read interactions of any kind.

    Args:
        files: Whole XML files.
        mapping: Its sources are XPaths without namespaces (`cda_paths.py`); `/` is the interaction.
        encoding: Tried when a message is not in the character set it declares.
        options: Not used.

    Returns:
        One table an entity; `_record` numbers interactions, `_item` the `each` elements in one.

    Raises:
        ValueError: the mapping holds something that is no XPath.
    """
    tables = tables_of(mapping)
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        root, defect = open_root(file.data, encoding)
        if defect is not None:
            problems.append(Problem(index, 0, 0, *defect))
        if root is None:
            counts.append(0)
            continue
        number = 0
        for message in _interactions(root):
            number += 1
            reader = DocumentReader(message)
            if not INTERACTION.fullmatch(reader.name):
                detail = f"XML root {reader.name[:60]}, no HL7 V3 interaction"
                problems.append(Problem(index, number, 0, "unsupported_document", detail))
                continue
            if message.find("id") is None:
                detail = f"{reader.name} without a message number"
                problems.append(Problem(index, number, 0, "missing_required", detail))
                continue
            for table in tables.values():
                table.add(reader, index, number)
        counts.append(number)
        lost = _announced(root) - number
        if lost > 0:
            problems.append(Problem(index, 0, 0, "truncated", f"{lost} messages missing"))
        elif not number:
            detail = f"XML root {etree.QName(root).localname[:60]} without an interaction"
            problems.append(Problem(index, 0, 0, "unsupported_document", detail))
    return Parsed({name: table.frame() for name, table in tables.items()}, problems, counts)


def is_interaction(name: str) -> bool:
    """Whether a root element's local name is one this format reads."""
    return name == BATCH or INTERACTION.fullmatch(name) is not None


def _interactions(root: etree._Element) -> Iterator[etree._Element]:
    """Each interaction as the root of a document of its own."""
    name = etree.QName(root).localname
    if name == ENVELOPE:
        body = root.find("{*}Body")
        for inner in () if body is None else body.iterchildren("*"):
            yield from _interactions(inner)
    elif name == BATCH:
        for inner in root.iterchildren("*"):
            if INTERACTION.fullmatch(etree.QName(inner).localname):
                yield deepcopy(inner)
    else:
        yield deepcopy(root)


def _announced(root: etree._Element) -> int:
    """How many messages a batch says it holds; 0 for anything else."""
    said = root.find("{*}transmissionQuantity")
    number = "" if said is None else said.get("value", "")
    return int(number) if number.isdigit() else 0
