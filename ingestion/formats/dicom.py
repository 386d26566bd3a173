"""DICOM headers and structured reports to source tables; pixels are never read.

Belongs here: which header fields and content items become columns. Not here: what a content item
says (`dicom_content.py`), receiving objects (a transport).
"""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from io import BytesIO

import polars as pl
import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from ingestion.contract import Mapping
from ingestion.formats.detect import detect
from ingestion.formats.dicom_content import said, text_of
from ingestion.formats.source import (
    FILE,
    ITEM,
    RECORD,
    Parsed,
    Problem,
    SourceFile,
    position_schema,
)

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its messages may quote values

MAX_FILE_BYTES = 1 << 30
JOIN = "&"
CONCEPT = ":"
JOIN_ITEMS = "\n"
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
UNREADABLE = (
    InvalidDicomError, BytesLengthException, EOFError, ValueError, KeyError, TypeError,
    AttributeError, NotImplementedError, struct.error, zlib.error, OverflowError, IndexError,
    LookupError, OSError, RecursionError,
)  # fmt: skip
"""What pydicom raises on bytes that are no DICOM; it has no common base class."""
UNDEFINED = 0xFFFFFFFF
PIXEL_HEADER = 12
PIXELS = ((0x7FE0, 0x0010), (0x7FE0, 0x0008), (0x7FE0, 0x0009))
SEQUENCE_END = b"\xfe\xff\xdd\xe0"
DEFLATED = "1.2.840.10008.1.2.1.99"
OLD_MARKS = {"DA": ".", "TM": ":"}
"""Dates as 1997.04.24 and times as 14:04:38, which PS3.5 keeps readable for ACR-NEMA's sake."""
LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")
ITEM_KEYWORDS = {"ReferencedSOPInstanceUIDInFile": "SOPInstanceUID",
                 "ReferencedSOPClassUIDInFile": "SOPClassUID"}  # fmt: skip


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read instance headers; a DICOMDIR gives one row for each instance it lists.

    Args:
        files: Whole files, with or without preamble.
        mapping: Its sources are keywords (`PatientName`), or several joined with `&`
            (`StudyDate&StudyTime`). Of a name the ideographic group comes first.
            `ContentSequence:121077` is what a structured report says under that concept, of a
            coded value its meaning, or with `:CodeValue` its code.
        encoding: Not used; (0008,0005) names the character set.
        options: `max_bytes`.

    Returns:
        One table an entity; `_record` is 1, or the entry's number in a DICOMDIR.

    Raises:
        ValueError: the mapping names an unknown keyword.

    Source: DICOM PS3.3 (C.17.3 for content items), PS3.5, PS3.10.
    """
    limit = int((options or {}).get("max_bytes", MAX_FILE_BYTES))
    wanted = _wanted(mapping)
    keywords = sorted({keyword for path in wanted for keyword in path.split(JOIN)})
    unknown = [k for k in keywords if tag_for_keyword(k.partition(CONCEPT)[0]) is None]
    if unknown:
        raise ValueError(f"unknown DICOM keywords {unknown}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings may quote values
        return _read(files, mapping, wanted, keywords, limit)


def _read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    wanted: list[str],
    keywords: list[str],
    limit: int,
) -> Parsed:
    columns: dict[str, list[str | None]] = {path: [] for path in wanted}
    positions: dict[str, list[int]] = {FILE: [], RECORD: [], ITEM: []}
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        count = 0
        for values, defect in _instances(file.data, keywords, limit):
            count += values is not None
            if defect is not None:
                problems.append(Problem(index, count if values else 0, 0, *defect))
            if values is not None:
                for path in wanted:
                    columns[path].append(_joined(values, path))
                positions[FILE].append(index)
                positions[RECORD].append(count)
                positions[ITEM].append(1)
        counts.append(count)
    schema = {path: pl.String() for path in wanted} | position_schema()
    whole = pl.DataFrame(columns | positions, schema=schema)
    tables = {}
    for entity, record in mapping.records.items():
        table = whole
        for path, accepted in record.when.items():
            table = table.filter(pl.col(path).is_in(accepted))
        tables[entity] = table
    return Parsed(tables, problems, counts)


Values = dict[str, str]
Defect = tuple[str, str]


def _wanted(mapping: Mapping) -> list[str]:
    found = [source for item in mapping.shared for source in item.sources]
    for record in mapping.records.values():
        found += [source for item in record.maps for source in item.sources]
        found += record.when
    return list(dict.fromkeys(found))


def _joined(values: Values, path: str) -> str | None:
    """One keyword, or several joined; the first of several must be there."""
    first, *rest = path.split(JOIN)
    if first not in values:
        return None
    return values[first] + "".join(values.get(keyword, "") for keyword in rest)


def _instances(
    data: bytes, keywords: list[str], limit: int
) -> Iterator[tuple[Values | None, Defect | None]]:
    """Header values of each instance in one file, and what is wrong with it."""
    if not data.strip(b"\0 \r\n\t"):
        yield None, ("empty_file", "")
        return
    if len(data) > limit:
        yield None, ("file_too_large", f"{len(data)} bytes")
        return
    kind = detect(data)
    if kind not in (None, "dicom"):
        yield None, ("wrong_format", f"{kind} where DICOM was expected")
        return
    try:
        stream = BytesIO(data)
        dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        directory = _is_directory(dataset)
        readable = directory or _has_header(dataset, marked=kind == "dicom")
    except UNREADABLE as error:
        yield None, _refusal(data, type(error).__name__)
        return
    if directory:
        yield from _directory(dataset, keywords)
        return
    if not readable:
        yield None, _refusal(data, "no image header")
        return
    values, defect = _values(dataset, keywords)
    if defect is None:
        try:
            defect = missing_end(data, stream.tell(), dataset)
        except UNREADABLE as error:
            defect = ("malformed_dicom", type(error).__name__)
    yield values, defect


def _has_header(dataset: Dataset, *, marked: bool) -> bool:
    """Whether this is a data set at all: a lone DICM mark, or random bytes, are none."""
    if not marked:
        return "SOPClassUID" in dataset or "PatientID" in dataset
    if dataset.file_meta.get("TransferSyntaxUID") and len(dataset):
        return True
    return any(dictionary_has_tag(tag) for tag in dataset.keys())  # noqa: SIM118


def _refusal(data: bytes, detail: str) -> Defect:
    return "malformed_dicom", detail if detect(data) == "dicom" else f"{detail}, no DICM mark"


def _is_directory(dataset: Dataset) -> bool:
    meta = getattr(dataset, "file_meta", None)
    named = meta is not None and meta.get("MediaStorageSOPClassUID") == MEDIA_DIRECTORY
    return named or "DirectoryRecordSequence" in dataset


def _directory(
    dataset: Dataset, keywords: list[str]
) -> Iterator[tuple[Values | None, Defect | None]]:
    """Instances of a DICOMDIR; each inherits its patient's, study's and series' values."""
    above: dict[str, Values] = {}
    try:
        records = list(dataset.get("DirectoryRecordSequence") or [])
    except UNREADABLE as error:
        yield None, ("malformed_dicom", type(error).__name__)
        return
    own_keywords = [*keywords, *ITEM_KEYWORDS]
    for entry in records:
        level = str(entry.get("DirectoryRecordType", "")).strip()
        values, defect = _values(entry, own_keywords)
        if level in LEVELS[:-1]:
            above[level] = values
            for lower in LEVELS[LEVELS.index(level) + 1 :]:
                above.pop(lower, None)
            continue
        instance = next((values[k] for k in ITEM_KEYWORDS if k in values), None)
        if instance is None:
            continue
        merged: Values = {}
        for part in (*(above.get(name, {}) for name in LEVELS[:-1]), values):
            merged |= part
        for given, keyword in ITEM_KEYWORDS.items():
            if given in merged:
                merged[keyword] = merged[given]
        yield merged, defect


def _values(dataset: Dataset, keywords: list[str]) -> tuple[Values, Defect | None]:
    """Texts of the wanted header fields; one unreadable field does not lose the others."""
    values: Values = {}
    defect: Defect | None = None
    for keyword in keywords:
        try:
            text = _field(dataset, keyword)
        except UnicodeDecodeError:
            defect = ("wrong_encoding", keyword)
            continue
        except UNREADABLE:
            defect = ("malformed_dicom", keyword)
            continue
        if text:
            values[keyword] = text
    return values, defect


def _field(dataset: Dataset, path: str) -> str:
    keyword, _, concept = path.partition(CONCEPT)
    if concept:
        code, _, part = concept.partition(CONCEPT)
        return JOIN_ITEMS.join(said(dataset.get(keyword), code, part or "CodeMeaning"))
    return text_of(dataset.get(keyword)).replace(OLD_MARKS.get(_kind(keyword), "\0"), "")


@cache
def _kind(keyword: str) -> str:
    return dictionary_VR(keyword)


def missing_end(data: bytes, at: int, dataset: Dataset) -> Defect | None:
    """Whether the file ends inside an element: one of the header, or the pixels at byte `at`."""
    for tag in dataset.keys():  # noqa: SIM118 - iterating a dataset converts every element
        raw = dataset.get_item(tag)
        if not isinstance(raw, RawDataElement) or raw.value is None:
            continue
        if UNDEFINED > raw.length > len(raw.value):
            return "truncated", f"element {tag}"
    if at + PIXEL_HEADER > len(data) or dataset.file_meta.get("TransferSyntaxUID") == DEFLATED:
        return None
    little = dataset.original_encoding[1]
    implicit = not data[at + 4 : at + 6].isalpha()  # some writers mix both
    order = "<" if little else ">"
    if struct.unpack_from(order + "HH", data, at) not in PIXELS:
        return None
    start = at + (8 if implicit else 12)
    (length,) = struct.unpack_from(order + "I", data, start - 4)
    if length == UNDEFINED:
        ended = data.rfind(SEQUENCE_END, start) >= 0
    else:
        ended = start + length <= len(data)
    return None if ended else ("truncated", "pixel data")
