"""HL7 v2 paths (`PID-3(NNCHN).1`) compiled once and read from all messages of a batch at once.

Belongs here: the path language, segments as columns, and which segment gives a row its context.
Not here: finding messages in bytes (`hl7v2_framing.py`) and what entities want (`hl7v2.py`).

Everything works on whole Polars columns. Python code runs per value only where a value holds an
escape sequence or a repetition is chosen by its identifier type.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from ingestion.formats.source import DELETED

PATH = re.compile(r"([A-Z][A-Z0-9]{2})-(\d+)(?:\(([^)]+)\))?(?:\.(\d+)(?:\.(\d+))?)?")
SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
ORDER_SEGMENTS = frozenset({"OBR", "ORC", "RXO", "RXE", "RXD", "RXA", "RXG"})
"""Segments that open an order: only one before the row can be its context."""
FOLLOWERS = frozenset({"RXR", "RXC", "SPM"})
"""Segments that come after the order they belong to: the first one before the next order."""
HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose field 1 is the separator itself."""
TYPE_COMPONENT = 5  # CX.5, identifier type code
OWN = "*"
"""`PID-3(*)`: the first repetition whose type names no number of somebody else's (`FOREIGN`)."""
FOREIGN = frozenset({
    "NNCHN", "NI", "NNXXX", "IDCARD", "SFZ", "SS", "PPN", "DL", "HC", "JHN", "MB", "MI", "SN", "BR",
    "BC", "RRI",
})  # fmt: skip
"""Identifier types (HL7 table 0203, and names used in China) of citizen, passport, card, insurance
and birth certificate numbers: none of them is a number of the sender's own."""


@dataclass(frozen=True)
class HL7Path:
    """One compiled path. Numbers count from 1 as in the standard; 0 means the whole."""

    segment: str
    number: int
    identifier_type: str | None = None
    component: int = 0
    subcomponent: int = 0


NUMERIC_RESULT = HL7Path("OBX", 5, "NM")
"""`OBX-5(NM)`: the value where OBX-2 says NM and it is a number; else null. OBX has no identifier
types, so the notation is free for its value type."""


@cache
def compile_path(text: str) -> HL7Path:
    """Compile `SEG-field[(type)][.component[.subcomponent]]`.

    Raises:
        ValueError: the text is no path.
    """
    match = PATH.fullmatch(text)
    if match is None or match[2] == "0":
        raise ValueError(f"not an HL7 v2 path: {text}")
    return HL7Path(match[1], int(match[2]), match[3], int(match[4] or 0), int(match[5] or 0))


class SegmentColumns:
    """All segments of one kind in a batch, read column by column.

    Args:
        lines: Segment text, one per segment, in message order.
        delimiters: MSH-1 and MSH-2, the same for all lines.
        widest: The highest field number anybody will ask for.
    """

    def __init__(
        self, kind: str, lines: pl.Series, delimiters: str, widest: int, codecs: pl.Series
    ) -> None:
        self.separator = delimiters[0]
        self.component, self.repetition, self.escape, self.subcomponent = (
            delimiters[at] if len(delimiters) > at else None for at in (1, 2, 3, 4)
        )
        self.kind = kind
        self.codecs = codecs
        self.lines = lines
        self._offset = 1 if kind in HEADERS else 0
        self._split = lines.str.split_exact(self.separator, max(widest - self._offset, 1))
        self._parts: dict[tuple[int, str | None, int], pl.Series] = {}
        self._columns: dict[HL7Path, pl.Series] = {}
        self._by_type: dict[int, list[dict[str, str]]] = {}
        self._has_null = self._contains(lines, DELETED)
        self._has_escape = self.escape is not None and self._contains(lines, self.escape)

    def column(self, path: HL7Path, keeps_null: bool = False) -> pl.Series:
        """Values of `path`, one per segment; absent and empty ones are null, and so is `""`
        (delete), of the value or of the whole field, unless it is kept."""
        if path not in self._columns:
            self._columns[path] = self._clean(self._raw(path), path)
        values = self._columns[path]
        if keeps_null and self._has_null:
            deleted = (self._raw(path) == DELETED) | (self._field(path.number) == DELETED)
            return values.set(deleted.fill_null(False), DELETED)
        return values

    def _field(self, number: int) -> pl.Series:
        if self._offset and number == 1:
            return pl.Series([self.separator], dtype=pl.String).new_from_index(0, len(self.lines))
        return self._split.struct.field(f"field_{number - self._offset}")

    def _raw(self, path: HL7Path) -> pl.Series:
        if self._offset and path.number <= 2:
            whole = self._field(path.number)
            return whole if path.component <= 1 and path.subcomponent <= 1 else _nulls(whole)
        if path == NUMERIC_RESULT:
            whole = self._field(path.number)
            kind = self._field(2)
            number = whole.cast(pl.Float64, strict=False)
            return whole.set((kind != path.identifier_type) | number.is_null(), None)
        if not path.component:
            if path.identifier_type is None:
                return self._field(path.number)
            return self._repetition(path.number, path.identifier_type)
        part = self._part(path.number, path.identifier_type, path.component)
        if not path.subcomponent:
            return part
        return _nth(part, self.subcomponent, path.subcomponent)

    def _part(self, number: int, identifier_type: str | None, component: int) -> pl.Series:
        key = (number, identifier_type, component)
        if key not in self._parts:
            one = self._repetition(number, identifier_type)
            self._parts[key] = _nth(one, self.component, component)
        return self._parts[key]

    def _repetition(self, number: int, identifier_type: str | None) -> pl.Series:
        """The first repetition, or the first one whose identifier type is the given one."""
        key = (number, identifier_type, 0)
        if key in self._parts:
            return self._parts[key]
        whole = self._field(number)
        if identifier_type is None:
            found = _nth(whole, self.repetition, 1)
        else:
            found = pl.Series(
                [kinds.get(identifier_type) for kinds in self._identifiers(number)],
                dtype=pl.String,
            )
        self._parts[key] = found
        return found

    def _identifiers(self, number: int) -> list[dict[str, str]]:
        """Of each segment, the repetitions of one field by their identifier type; first wins."""
        if number not in self._by_type:
            cut, mark = self.repetition or "\0", self.component or "\0"
            rows = []
            for value in self._field(number).to_list():
                kinds: dict[str, str] = {}
                for one in (value or "").split(cut):
                    pieces = one.split(mark, TYPE_COMPONENT)
                    kind = pieces[TYPE_COMPONENT - 1] if len(pieces) >= TYPE_COMPONENT else ""
                    if kind:
                        kinds.setdefault(kind, one)
                    if one and kind.upper() not in FOREIGN:
                        kinds.setdefault(OWN, one)
                rows.append(kinds)
            self._by_type[number] = rows
        return self._by_type[number]

    def _clean(self, values: pl.Series, path: HL7Path) -> pl.Series:
        empty = (values == "") | (values == '""')
        if empty.any():
            values = values.set(empty, None)
        if self.escape is None or not self._has_escape or (self._offset and path.number <= 2):
            return values
        mask = values.str.contains(self.escape, literal=True).fill_null(False)
        if not mask.any():
            return values
        rows = mask.arg_true()
        pattern = _escape_pattern(self.escape)
        marks = {
            "F": self.separator,
            "S": self.component,
            "T": self.subcomponent,
            "R": self.repetition,
            "E": self.escape,
        }
        plain = [
            _unescape(value, pattern, marks, codec)
            for value, codec in zip(
                values.gather(rows).to_list(), self.codecs.gather(rows).to_list(), strict=True
            )
        ]
        return values.scatter(rows, plain)

    @staticmethod
    def _contains(values: pl.Series, mark: str) -> bool:
        return bool(values.str.contains(mark, literal=True).any())


def _nulls(like: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(like))


def _nth(values: pl.Series, mark: str | None, number: int) -> pl.Series:
    """Piece `number` (from 1) of each value cut at `mark`; null where there are fewer pieces."""
    if mark is None or not values.str.contains(mark, literal=True).any():
        return values if number == 1 else _nulls(values)
    return values.str.split_exact(mark, number).struct.field(f"field_{number - 1}")


@cache
def _escape_pattern(mark: str) -> re.Pattern[str]:
    quoted = re.escape(mark)
    return re.compile(f"{quoted}([^{quoted}\\r\\n]{{0,4096}}?){quoted}")


def _unescape(
    value: str, pattern: re.Pattern[str], marks: dict[str, str | None], codec: str
) -> str:
    """Replace escape sequences (2.5.1, section 2.7); sequences with no plain meaning stay."""

    def one(match: re.Match[str]) -> str:
        body = match[1]
        mark = marks.get(body)
        if mark is not None:
            return mark
        if body.startswith("X"):
            try:
                raw = bytes.fromhex(body[1:])
            except ValueError:
                return match[0]
            return raw.decode(codec, errors="replace")
        if body in ("H", "N"):  # highlighting
            return ""
        if body == ".br" or body.startswith((".sp", ".ce")):
            return "\n"
        return match[0]

    return pattern.sub(one, value)


class MessageGroup:
    """Messages that share delimiters, as one long column of segments.

    Args:
        texts: Messages with CR between segments.
        codecs: Codec each was decoded with.
        paths: Every path that will be asked for.
    """

    def __init__(
        self, texts: list[str], codecs: list[str], delimiters: str, paths: Iterable[HL7Path]
    ) -> None:
        self.delimiters = delimiters
        lists = pl.Series(texts, dtype=pl.String).str.split("\r")
        counts = lists.list.len().to_numpy().astype(np.int64)
        self.lines = lists.explode()
        self._heads = self.lines.str.slice(0, 4)
        self._known_heads = self._heads.unique().to_list()
        self.message_of = np.repeat(np.arange(len(texts)), counts)
        self.message_ends = np.cumsum(counts)
        self.message_starts = self.message_ends - counts
        self._codecs = pl.Series(codecs, dtype=pl.String)
        self._widest: dict[str, int] = {}
        for path in paths:
            self._widest[path.segment] = max(self._widest.get(path.segment, 1), path.number)
        self._places: dict[str, np.ndarray] = {}
        self._segments: dict[str, SegmentColumns] = {}
        patients = self.places("PID")
        self._blocks = np.union1d(self.message_starts, patients)
        self._block_ends = np.append(self._blocks[1:], len(self.lines))

    def places(self, kind: str) -> np.ndarray:
        """Line numbers of all segments of one kind."""
        if kind not in self._places:
            mask = self._heads == kind + self.delimiters[0]
            if kind in self._known_heads:  # a segment without any field
                mask = mask | (self._heads == kind)
            self._places[kind] = mask.arg_true().to_numpy().astype(np.int64)
        return self._places[kind]

    def strays(self) -> list[tuple[int, int]]:
        """Lines that are no segment: message (from 0) and line in the message (from 1)."""
        ends = ("", self.delimiters[0])
        bad = [
            head
            for head in self._known_heads
            if head.strip() and not (SEGMENT_NAME.fullmatch(head[:3]) and head[3:] in ends)
        ]
        if not bad:
            return []
        lines = self._heads.is_in(bad).arg_true().to_numpy()
        message = self.message_of[lines]
        numbers = lines - self.message_starts[message] + 1
        return list(zip(message.tolist(), numbers.tolist(), strict=True))

    def segments(self, kind: str) -> SegmentColumns:
        if kind not in self._segments:
            places = self.places(kind)
            self._segments[kind] = SegmentColumns(
                kind,
                self.lines.gather(places),
                self.delimiters,
                self._widest.get(kind, 1),
                self._codecs.gather(self.message_of[places]),
            )
        return self._segments[kind]

    def context(self, kind: str, each: str, at: np.ndarray) -> np.ndarray:
        """For rows at lines `at`, which segment of `kind` (ordinal, -1 for none) belongs to each.

        A row of a segment takes: its own segment; else the nearest one before it of the same
        patient; else the patient's first; else the first of the message header. An order takes
        the first of its `FOLLOWERS` before the next order. A row of a message takes the message's
        first.
        """
        have = self.places(kind)
        if kind == each:
            return np.searchsorted(have, at)
        if not len(have):
            return np.full(len(at), -1)
        message = self.message_of[at]
        if each == "message":
            return _first_between(have, self.message_starts[message], self.message_ends[message])
        if each in ORDER_SEGMENTS and kind in FOLLOWERS:
            orders = np.append(self.places(each), len(self.lines))
            ends = np.minimum(
                orders[np.searchsorted(orders, at, "right")], self.message_ends[message]
            )
            return _first_between(have, at, ends)
        if self._once_everywhere(kind) and (
            kind not in ORDER_SEGMENTS or (have[message] <= at).all()
        ):
            return np.asarray(message)
        block = np.searchsorted(self._blocks, at, "right") - 1
        before = np.searchsorted(have, at, "right") - 1
        found = np.where(have[before] >= self._blocks[block], before, -1)
        if kind in ORDER_SEGMENTS or (found >= 0).all():
            return found
        first = _first_between(have, self._blocks[block], self._block_ends[block])
        found = np.where(found >= 0, found, first)
        starts = self.message_starts[message]
        header_ends = self._block_ends[np.searchsorted(self._blocks, starts)]
        return np.where(found >= 0, found, _first_between(have, starts, header_ends))

    def _once_everywhere(self, kind: str) -> bool:
        """Whether each message has exactly one such segment and one patient."""
        messages = np.arange(len(self.message_starts))
        return all(
            len(self.places(name)) == len(messages)
            and np.array_equal(self.message_of[self.places(name)], messages)
            for name in {kind, "PID"}
        )

    def take(self, path: HL7Path, chosen: np.ndarray, keeps_null: bool = False) -> pl.Series:
        """Values of `path` for the chosen segments; null where none was chosen."""
        segments = self.segments(path.segment)
        if not len(segments.lines):
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(chosen))
        values = segments.column(path, keeps_null)
        missing = chosen < 0
        if not missing.any():
            if len(chosen) == len(values) and np.array_equal(chosen, np.arange(len(chosen))):
                return values
            return values.gather(chosen)
        taken = values.gather(np.where(missing, 0, chosen))
        return taken.set(pl.Series(missing), None)


def _first_between(have: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    first = np.searchsorted(have, starts)
    inside = np.minimum(first, len(have) - 1)
    return np.where((first < len(have)) & (have[inside] < ends), first, -1)
