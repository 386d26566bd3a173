"""HL7 v2 messages to source tables, in bulk.

Belongs here: which rows a mapping asks for and putting them together. Not here: framing and
character sets (`hl7v2_framing.py`), paths (`hl7v2_paths.py`), XML encoding (`hl7v2_xml.py`),
validation against the standard (`hl7_conformance.py`).
"""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.contract import Mapping
from ingestion.formats.hl7v2_framing import MAX_FILE_BYTES, Messages, frame
from ingestion.formats.hl7v2_paths import MessageGroup, compile_path
from ingestion.formats.hl7v2_xml import is_xml, to_delimited
from ingestion.formats.source import (
    FILE,
    ITEM,
    RECORD,
    Parsed,
    Problem,
    SourceFile,
    position_schema,
)

MESSAGE_TYPE = "MSH-9"
JOIN = "&"
"""Between paths whose values belong together, as in FHIR: `PID-5.1&PID-5.2`."""
ANSWERS = ("ACK", "MCF", "NAK")
"""Types of messages that only answer another one and carry nothing of their own: HL7 v2.5.1,
2.13 (general acknowledgement) and table 0076."""
_TYPE = re.compile(r"[A-Z0-9_^]{1,24}")


@dataclass(frozen=True)
class Request:
    """One table wanted: a row per `each` (a segment or `message`), these paths, these conditions.

    `when` on `MSH-9` compares `type^trigger`; a value ending in `*` matches by its beginning, and
    a lone `*` any value. `keeps_null`: a deleted value stays `""`, else it is null like an absent
    one.
    """

    each: str
    paths: tuple[str, ...]
    when: Dictionary[str, Sequence[str]] = field(default_factory=dict)
    keeps_null: bool = False


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read HL7 v2 files: any framing, batches, several messages a file, ER7 or XML encoding.

    Args:
        files: Whole files.
        mapping: Its sources are paths such as `PID-3.1`, `PID-3(NNCHN).1`, `OBX-5`; several
            joined by `&` give one text.
        encoding: Codec of messages that name none in MSH-18.
        options: `max_bytes`, the largest file accepted.

    Returns:
        One table an entity: columns are the paths, plus positions; `_record` numbers messages and
        `_item` the `each` segments within a message.

    Raises:
        ValueError: the mapping holds something that is no HL7 path.

    Source: HL7 v2.5.1, chapter 2.
    """
    person = [source for item in mapping.shared for source in item.sources]
    requests = {}
    for entity, record in mapping.records.items():
        own = [source for item in record.maps for source in item.sources]
        each = "message" if record.each == "row" else record.each
        paths = tuple(dict.fromkeys([*own, *person]))
        requests[entity] = Request(each, paths, record.when, record.partial)
    return read_tables(files, requests, encoding=encoding, options=options)


def read_tables(
    files: Sequence[SourceFile],
    requests: Dictionary[str, Request],
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """As `read`, for tables that need not be entities."""
    max_bytes = int((options or {}).get("max_bytes", MAX_FILE_BYTES))
    xml_problems: list[Problem] = []
    if any(file.data[:3] != b"MSH" and is_xml(file.data) for file in files):
        files, xml_problems = _without_xml(files)
    messages = frame(files, encoding, max_bytes)
    refused = {problem.file for problem in xml_problems}
    problems = [problem for problem in messages.problems if problem.file not in refused]
    paths = [
        compile_path(part)
        for request in requests.values()
        for path in (*request.paths, *request.when)
        for part in path.split(JOIN)
    ]
    by_marks: dict[str, list[int]] = {}
    for number, marks in enumerate(messages.delimiters):
        by_marks.setdefault(marks, []).append(number)
    frames: dict[str, list[pl.DataFrame]] = {name: [] for name in requests}
    for marks, numbers in by_marks.items():
        group = MessageGroup(
            [messages.texts[n] for n in numbers],
            [messages.codecs[n] for n in numbers],
            marks,
            paths,
        )
        problems += _stray_lines(messages, numbers, group)
        for name, table in _group_tables(messages, numbers, group, requests):
            frames[name].append(table)
    tables = {name: _joined(frames[name], requests[name]) for name in requests}

    def silent(file: int, record: int) -> tuple[str, str]:
        """Why a message gave no row, by its type alone."""
        at = next(
            n for n in range(len(messages.texts))
            if (messages.files[n], messages.records[n]) == (file, record)
        )  # fmt: skip
        kind = _kind(messages.texts[at], messages.delimiters[at])
        answers = kind.split("^")[0] in ANSWERS
        return "carries_nothing" if answers else "not_taken", f"message type {kind}"

    return Parsed(tables, xml_problems + problems, messages.counts, silent=silent)


def _kind(text: str, marks: str) -> str:
    """`type^trigger` of MSH-9; `?` for what looks like no message type."""
    fields = text.split("\r", 1)[0].split(marks[0], 9)
    given = fields[8] if len(fields) > 8 else ""
    kind = given.replace(marks[1:2] or "^", "^")
    return kind if _TYPE.fullmatch(kind) else "?"


def _without_xml(files: Sequence[SourceFile]) -> tuple[list[SourceFile], list[Problem]]:
    plain, problems = [], []
    for index, file in enumerate(files):
        data = file.data
        if is_xml(data):
            data, defect = to_delimited(data)
            if defect:
                problems.append(Problem(index, 0, 0, *defect))
        plain.append(SourceFile(file.name, data))
    return plain, problems


def _stray_lines(messages: Messages, numbers: list[int], group: MessageGroup) -> Iterator[Problem]:
    """One problem for each line that is no segment; the rest of its message is still read."""
    for message, line in group.strays():
        at = numbers[message]
        yield Problem(
            messages.files[at],
            messages.records[at],
            0,
            "malformed_message",
            f"line {line} of the message is no segment",
        )


def _group_tables(
    messages: Messages,
    numbers: list[int],
    group: MessageGroup,
    requests: Dictionary[str, Request],
) -> Iterator[tuple[str, pl.DataFrame]]:
    files = np.array([messages.files[n] for n in numbers], dtype=np.int32)
    records = np.array([messages.records[n] for n in numbers], dtype=np.int64)
    for name, request in requests.items():
        whole = request.each == "message"
        at = group.message_starts if whole else group.places(request.each)
        items = np.ones(len(at), dtype=np.int64) if whole else _items(group.message_of[at])
        keep = _kept(group, request, at)
        if keep is not None:
            at, items = at[keep], items[keep]
        message = group.message_of[at]
        contexts: dict[str, np.ndarray] = {}
        columns = {}
        for text in request.paths:
            parts = []
            for part in text.split(JOIN):
                path = compile_path(part)
                if path.segment not in contexts:
                    contexts[path.segment] = group.context(path.segment, request.each, at)
                keeps_null = request.keeps_null and part == text
                parts.append(group.take(path, contexts[path.segment], keeps_null))
            columns[text] = parts[0] if len(parts) == 1 else _together(parts)
        positions = {FILE: files[message], RECORD: records[message], ITEM: items}
        yield name, pl.DataFrame(columns | positions)


def _together(parts: Sequence[pl.Series]) -> pl.Series:
    """Values with a blank between them; null where there is none."""
    if all(not len(part.drop_nulls()) for part in parts[1:]):
        return parts[0]
    joined = pl.concat_str([pl.lit(part) for part in parts], separator=" ", ignore_nulls=True)
    return pl.select(pl.when(joined != "").then(joined)).to_series()


def _items(message: np.ndarray) -> np.ndarray:
    return np.arange(len(message)) - np.searchsorted(message, message) + 1


def _kept(group: MessageGroup, request: Request, at: np.ndarray) -> np.ndarray | None:
    """Mask of the rows that meet every condition; None when all do."""
    keep = None
    for text, wanted in request.when.items():
        path = compile_path(text)
        chosen = group.context(path.segment, request.each, at)
        if text == MESSAGE_TYPE:
            kind = group.take(compile_path("MSH-9.1"), chosen).fill_null("")
            trigger = group.take(compile_path("MSH-9.2"), chosen)
            values = (kind + "^" + trigger).fill_null(kind)
        else:
            values = group.take(path, chosen)
        exact = [value for value in wanted if not value.endswith("*")]
        mask = values.is_in(exact).fill_null(False)
        for value in wanted:
            if value.endswith("*"):
                mask = mask | values.str.starts_with(value[:-1]).fill_null(False)
        found = mask.to_numpy()
        keep = found if keep is None else keep & found
    return keep


def _joined(frames: list[pl.DataFrame], request: Request) -> pl.DataFrame:
    if not frames:
        schema = {path: pl.String() for path in request.paths} | position_schema()
        return pl.DataFrame(schema=schema)
    if len(frames) == 1:
        return frames[0]
    return pl.concat(frames).sort(FILE, RECORD, ITEM)
