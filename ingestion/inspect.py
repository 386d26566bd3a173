"""What any file is and what of it can be read, without a contract and without writing anything.

Belongs here: choosing a reader by content and judging its result. Not here: reading (`formats/`),
mapping to silver (`conform.py`), the report of a whole corpus (`conformance.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from ingestion.contract import FieldMap, Mapping, profile
from ingestion.entity import entities
from ingestion.formats import cda, dicom, ecg, fhir, hl7v2, hl7v3, tabular, xml_table
from ingestion.formats.cda_paths import DocumentReader
from ingestion.formats.database import read_table, table_names
from ingestion.formats.delimited import GridDefect
from ingestion.formats.detect import detect
from ingestion.formats.hl7v2_paths import compile_path
from ingestion.formats.json_records import records
from ingestion.formats.other import describe_unknown, describe_xml, looks_like
from ingestion.formats.source import FILE, ITEM, RECORD, Parsed, Problem, SourceFile
from ingestion.formats.value_shape import impossible_times, not_numbers

MAX_FILE_BYTES = 1 << 30
LOINC = "2.16.840.1.113883.6.1"
NUMBERS = ("integer", "double", "money")
TIMES = ("date", "timestamp")
VENDOR_ROOT = "Document"
HEAD_BYTES = 1 << 12
WAVEFORM_CLASSES = b"1.2.840.10008.5.1.4.1.1.9.1."
"""Beginning of the UIDs of the electrocardiogram classes (DICOM PS3.4 B.5)."""

Outcome = Literal["parsed", "partly", "refused"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FileReport:
    """One file: what it is, how much of it was read, and where the rest is.

    `records` counts messages, documents, instances or rows found; `entities` counts rows that the
    broad default mapping makes of them. Problems carry positions, never content.
    """

    path: str
    format: str
    outcome: Outcome
    records: int = 0
    entities: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return {
            "path": self.path,
            "format": self.format,
            "outcome": self.outcome,
            "records": self.records,
            "entities": self.entities,
            "problems": [
                {"code": p.code, "record": p.record, "item": p.item, "detail": p.detail}
                for p in self.problems
            ],
        }


def inspect_paths(path: Path, progress: Progress | None = None) -> Iterator[FileReport]:
    """Reports of one file, or of all files below a folder in the order of their names.

    Args:
        path: File or folder.
        progress: Called with files done and files in all.
    """
    if path.is_file():
        paths = [path]
    else:
        paths = sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
    base = path.parent if path.is_file() else path
    for number, one in enumerate(paths, 1):
        name = one.relative_to(base).as_posix()
        try:
            size = one.stat().st_size
            if size > MAX_FILE_BYTES:
                yield _refused(name, "unknown", "file_too_large", f"{size} bytes")
            else:
                yield inspect_bytes(name, one.read_bytes())
        except OSError as error:
            yield _refused(name, "unknown", "unknown_format", f"unreadable: {error.strerror}")
        if progress is not None:
            progress(number, len(paths))


def inspect_bytes(name: str, data: bytes) -> FileReport:
    """Report of one file's content; pure."""
    if not data.strip(b"\0 \r\n\t"):
        return _refused(name, "unknown", "empty_file", "")
    kind = detect(data) or looks_like(data)
    file = SourceFile(name, data)
    match kind:
        case "hl7v2":
            return _hl7v2(file)
        case "xml":
            return _xml(file)
        case "dicom" if WAVEFORM_CLASSES in data[:HEAD_BYTES]:
            return _ecg(file, "dicom-ecg")
        case "dicom":
            return _report(file, "dicom", _read_dicom(file), profile("dicom", "image"))
        case "sqlite":
            return _database(file)
        case "zip" | "ole" | "dbf" | "text":
            return _table(file)
        case "json":
            return _json(file)
        case _:
            return _refused(name, *describe_unknown(data, kind))


def _refused(name: str, format_name: str, code: str, detail: str) -> FileReport:
    return FileReport(name, format_name, "refused", problems=(Problem(0, 0, 0, code, detail),))


def _hl7v2(file: SourceFile) -> FileReport:
    mapping = profile("hl7v2", "any")
    person = tuple(s for item in mapping.person.values() for s in item.sources)
    requests = {
        entity: hl7v2.Request(
            record.each,
            tuple(s for item in record.fields.values() for s in item.sources),
            record.when,
        )
        for entity, record in mapping.records.items()
    }
    own = [path for path in person if compile_path(path.split(hl7v2.JOIN)[0]).segment == "PID"]
    requests |= {
        "_message": hl7v2.Request("message", ("MSH-7.1",)),
        "_person": hl7v2.Request("PID", tuple(dict.fromkeys(own))),
    }
    parsed = hl7v2.read_tables([file], requests)
    return _report(file, "hl7v2", parsed, mapping, delivered=parsed.tables["_message"].height)


def _xml(file: SourceFile) -> FileReport:
    reader, defect = cda.open_document(file.data, None, cda.CDA_ROOT)
    if reader is None and defect is not None and defect[0] != "unsupported_document":
        return _refused(file.name, "xml", *defect)
    if reader is not None:
        name = _cda_profile(reader)
        mapping = profile("cda", name)
        return _report(file, "cda", cda.read([file], mapping), mapping)
    format_name, reason = describe_xml(file.data)
    if format_name == "aecg":
        return _ecg(file, format_name)
    if format_name == "hl7v2":
        return _hl7v2(file)
    if format_name == "hl7v3":
        mapping = profile("hl7v3", "services")
        parsed = hl7v3.read([file], mapping)
        delivered = parsed.tables["service_message"].height
        return _report(file, format_name, parsed, mapping, delivered=delivered)
    if format_name == "cda-vendor":
        mapping = profile("cda", "vendor")
        parsed = cda.read([file], mapping, options={"root": VENDOR_ROOT})
        return _report(file, format_name, parsed, mapping)
    if format_name == "xml" and (rows := _xml_rows(file)):
        return FileReport(file.name, "xml_table", "parsed", rows)
    return _refused(file.name, format_name, "unsupported_document", reason)


def _ecg(file: SourceFile, format_name: str) -> FileReport:
    mapping = profile("ecg", "trace")
    return _report(file, format_name, ecg.read([file], mapping), mapping)


def _xml_rows(file: SourceFile) -> int:
    """How many times the first repeated element stands in an XML that is no document."""
    root, _ = xml_table.open_table(file.data, None)
    row = None if root is None or root.tag == VENDOR_ROOT else xml_table.likely_row(root)
    return 0 if root is None or row is None else len(list(root.iter(row)))


def _json(file: SourceFile) -> FileReport:
    found = list(records(file.data, None))
    if any(isinstance(one, dict) and "resourceType" in one for _, one in found):
        mapping = profile("fhir", "core")
        return _report(file, "fhir", fhir.read([file], mapping), mapping)
    problems = tuple(Problem(0, n, 0, *one) for n, one in found if isinstance(one, tuple))
    good = len(found) - len(problems)
    outcome: Outcome = "parsed" if not problems else "partly" if good else "refused"
    total = max((number for number, _ in found), default=0)
    return FileReport(file.name, "jsonlines" if good else "json", outcome, total, {}, problems)


def _cda_profile(reader: DocumentReader) -> str:
    code = reader.document_value("/ClinicalDocument/code/@code") or ""
    if code.startswith("HSD"):
        return "ehr"
    loinc = reader.document_value(f"/ClinicalDocument/code[@codeSystem='{LOINC}']/@code")
    return "intl" if loinc else "emr"


def _read_dicom(file: SourceFile) -> Parsed:
    return dicom.read([file], profile("dicom", "image"))


def _database(file: SourceFile) -> FileReport:
    names = table_names(file.data)
    if isinstance(names, tuple):
        return _refused(file.name, "sqlite", *names)
    rows, problems = 0, []
    for name in names:
        found = read_table(file.data, {"table": name})
        if isinstance(found, tuple):
            problems.append(Problem(0, 0, 0, *found))
        else:
            rows += found.height
    outcome: Outcome = "parsed" if not problems else "partly" if rows else "refused"
    return FileReport(file.name, "sqlite", outcome, rows, {}, tuple(problems))


def _table(file: SourceFile) -> FileReport:
    found, kept, problems, sheets = 0, 0, [], 0
    for sheet in tabular.sheets(file.data, (), None, {}):
        if isinstance(sheet, GridDefect):
            problems.append(Problem(0, 0, 0, sheet.code, sheet.detail))
            continue
        if len(sheet.header) < 2 and detect(file.data) is None:
            problems.append(Problem(0, 0, 0, "unknown_format", "text without columns"))
            continue
        sheets += 1
        problems += [Problem(0, found + b.row, 0, b.code, b.detail) for b in sheet.problems]
        kept += sheet.rows.height
        found += sheet.rows.height + len(sheet.problems)
    if not problems:
        return FileReport(file.name, "tabular", "parsed", found)
    outcome: Outcome = "partly" if kept or sheets else "refused"
    return FileReport(file.name, "tabular", outcome, found, {}, tuple(problems))


def _report(
    file: SourceFile,
    format_name: str,
    parsed: Parsed,
    mapping: Mapping,
    *,
    delivered: int | None = None,
) -> FileReport:
    records = sum(parsed.records)
    problems = [*parsed.problems, *_value_problems(parsed, mapping)]
    if not problems:
        outcome: Outcome = "parsed"
    else:
        outcome = "partly" if (records if delivered is None else delivered) else "refused"
    counts = {
        name: table.height
        for name, table in parsed.tables.items()
        if not name.startswith("_") and table.height
    }
    ordered = sorted(set(problems), key=lambda p: (p.record, p.item, p.code, p.detail))
    return FileReport(file.name, format_name, outcome, records, counts, tuple(ordered))


def _value_problems(parsed: Parsed, mapping: Mapping) -> Iterator[Problem]:
    """Values of typed columns that are no date or no number, by their source field."""
    person_types = entities()["source_person"].columns
    for name, table in parsed.tables.items():
        maps: dict[str, FieldMap] = dict(mapping.person)
        types = {key: person_types[key].type for key in maps if key in person_types}
        record = mapping.records.get(name)
        if record is not None:
            maps |= record.fields
            columns = entities()[name].columns
            types |= {key: columns[key].type for key in record.fields}
        for key, kind in types.items():
            if maps[key].format is not None or maps[key].code_map is not None:
                continue
            for source in maps[key].sources:
                if source in table.columns:
                    yield from _misfits(table, source, kind, key)


def _misfits(table: pl.DataFrame, source: str, kind: str, column: str) -> Iterator[Problem]:
    values = table[source]
    if kind in TIMES:
        bad, code = impossible_times(values), "impossible_date"
    elif kind in NUMBERS:
        bad, code = not_numbers(values), "not_a_number"
    else:
        return
    if bad.any():
        for file, record, item in table.filter(bad).select(FILE, RECORD, ITEM).rows():
            yield Problem(file, record, item, code, f"{column} from {source}")
