"""Electrocardiograms to source tables: HL7 annotated ECG and DICOM ECG waveforms, told by content.

Belongs here: traces to rows. Not here: reading either kind (`ecg_aecg.py`, `ecg_dicom.py`), which
field means what (`profiles/ecg_trace.yml`). Samples never leave bronze.
"""

from collections.abc import Sequence

import polars as pl

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.detect import detect
from ingestion.formats.ecg_aecg import read_aecg
from ingestion.formats.ecg_dicom import read_dicom_ecg
from ingestion.formats.ecg_trace import MEASUREMENT_FIELDS, TRACE_FIELDS, Trace
from ingestion.formats.source import Parsed, Problem, SourceFile, position_schema
from ingestion.formats.xml_document import Defect

MAX_FILE_BYTES = 64 << 20
MEASUREMENT = "measurement"
ITEM_NUMBER = "item()"


class _Table:
    """Rows of one entity: one a trace, or one a measurement of it."""

    def __init__(self, record: RecordMap, person: Sequence[str]) -> None:
        self.record = record
        own = [source for item in record.maps for source in item.sources]
        self.names = list(dict.fromkeys([*own, *person, *record.when]))
        known = {*TRACE_FIELDS, *MEASUREMENT_FIELDS, ITEM_NUMBER}
        unknown = [n for n in self.names if n not in known and not n.startswith("measurement[")]
        if unknown:
            raise ValueError(f"unknown ECG fields {unknown}")
        self._rows: list[tuple[str | int | None, ...]] = []

    def add(self, file: int, trace: Trace) -> None:
        parts: list[dict[str, str | None]] = [{ITEM_NUMBER: "1"}]
        if self.record.each == MEASUREMENT:
            parts = [
                {
                    ITEM_NUMBER: str(number),
                    "code": one.code,
                    "value": one.value,
                    "unit": one.unit,
                    "beat": None if one.beat is None else str(one.beat),
                }
                for number, one in enumerate(trace.measurements, 1)
            ]
        for number, part in enumerate(parts, 1):
            row = [part[n] if n in part else trace.value(n) for n in self.names]
            found = dict(zip(self.names, row, strict=True))
            if all(found[name] in wanted for name, wanted in self.record.when.items()):
                self._rows.append((*row, file, 1, number))

    def frame(self) -> pl.DataFrame:
        schema = {name: pl.String() for name in self.names} | position_schema()
        return pl.DataFrame(self._rows, schema=schema, orient="row")


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read one trace a file.

    Args:
        files: Whole files, aECG or DICOM, mixed as they come.
        mapping: Its sources are the names of `ecg_trace.py`, `measurement[<code>]` or `item()`;
            `each` is `trace`, or `measurement` for a row of each one.
        encoding: Not used; both kinds name their character set.
        options: `max_bytes`.

    Returns:
        One table an entity; `_record` is 1, `_item` numbers the measurements.

    Raises:
        ValueError: the mapping names an unknown field.
    """
    limit = int((options or {}).get("max_bytes", MAX_FILE_BYTES))
    person = [source for item in mapping.shared for source in item.sources]
    tables = {entity: _Table(record, person) for entity, record in mapping.records.items()}
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        trace, defect = _trace(file.data, limit)
        if defect is not None:
            problems.append(Problem(index, 0, 0, *defect))
        counts.append(int(trace is not None))
        if trace is not None:
            for table in tables.values():
                table.add(index, trace)
    return Parsed({name: table.frame() for name, table in tables.items()}, problems, counts)


def _trace(data: bytes, limit: int) -> tuple[Trace | None, Defect | None]:
    if not data.strip(b"\0 \r\n\t"):
        return None, ("empty_file", "")
    if len(data) > limit:
        return None, ("file_too_large", f"{len(data)} bytes")
    kind = detect(data)
    if kind == "xml":
        return read_aecg(data)
    if kind in (None, "dicom"):
        return read_dicom_ecg(data)
    return None, ("wrong_format", f"{kind} where an electrocardiogram was expected")
