"""HL7 v2 messages of a whole month as columns, and what may be wrong with one.

Belongs here: segments as Polars expressions, spoiled messages. Not here: what is
sent (`county/domains/hospital_messages.py`), the writer of the core's own messages (`hl7.py`).
"""

from dataclasses import dataclass

import polars as pl

from county.roles import CONSORTIUM
from county.systems.message_files import MessageFiles, Spoiled, WholeFile

CHARSETS = {"utf-8": "UNICODE UTF-8", "gb18030": "GB 18030-2000"}
_SEX = {"1": "M", "2": "F"}
_END = "\r"


@dataclass(frozen=True, slots=True)
class Break:
    """One way to spoil a message: drop a segment, or put a value into one field of it."""

    kind: str
    reason: str
    segment: str
    field: int = 0
    value: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """One feed of messages.

    Args:
        each: The segment that becomes a row, with its number in field `key`.
        keep: Fields of that segment a cut message still holds; the rest is missing.
        breaks: What a broken copy may have wrong.
        unmapped: A field of the true row and a code in it that nobody mapped.
    """

    feed: str
    system: str
    sender: str
    folder: str
    stem: str
    encoding: str
    each: str
    key: int
    keep: int
    breaks: tuple[Break, ...]
    unmapped: Break | None = None


def stamp(column: str) -> pl.Expr:
    """yyyymmddhhmmss of a datetime column; empty where null."""
    return pl.col(column).dt.strftime("%Y%m%d%H%M%S").fill_null("")


def text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("")


def yuan(column: str) -> pl.Expr:
    """Whole fen as yuan with two decimals; empty where null."""
    fen = pl.col(column)
    sign = pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole = (fen.abs() // 100).cast(pl.String)
    return (sign + whole + "." + (fen.abs() % 100).cast(pl.String).str.zfill(2)).fill_null("")


def segment(name: str, fields: dict[int, pl.Expr | str]) -> pl.Expr:
    """One segment with its end; fields by number, the others empty. Not for MSH."""
    parts = [pl.lit(name)]
    for number in range(1, max(fields) + 1):
        value = fields.get(number, "")
        parts.append(pl.lit(value) if isinstance(value, str) else value)
    return pl.concat_str(parts, separator="|") + _END


def header(channel: Channel, kind: pl.Expr | str, number: str = "control") -> pl.Expr:
    """MSH of version 2.4; needs the columns `moment` and `number`."""
    kinds = pl.lit(kind) if isinstance(kind, str) else kind
    first = f"MSH|^~\\&|{channel.system}|{channel.sender}|PLATFORM|{CONSORTIUM}|"
    last = f"|P|2.4|||||CHN|{CHARSETS[channel.encoding]}"
    return pl.concat_str(
        pl.lit(first), stamp("moment"), pl.lit("||"), kinds, pl.lit("|"), text(number),
        pl.lit(last + _END),
    )  # fmt: skip


def patient(sender: str) -> pl.Expr:
    """PID with the numbers as repetitions by identifier type, as the member knows the person."""
    numbers = pl.concat_str(
        [
            text("local_id") + f"^^^{sender[6:]}^MR",
            pl.col("id_number") + "^^^MPS^NNCHN",
            pl.col("health_card") + "^^^WJW^HC",
            pl.col("insurance_number") + "^^^YB^MB",
        ],
        separator="~",
        ignore_nulls=True,
    )
    return segment(
        "PID",
        {
            1: "1",
            3: numbers,
            5: text("name"),
            7: pl.col("birth").dt.strftime("%Y%m%d"),
            8: pl.col("sex").cast(pl.String).replace(_SEX),
            11: text("address"),
            13: text("phone"),
            19: text("id_number"),
        },
    )


class Hl7Files(MessageFiles):
    """Files of one channel, messages one after the other."""

    def __init__(self, channel: Channel) -> None:
        kinds = ("cut", "missing_header", "wrong_encoding", "empty")
        super().__init__(channel.feed, channel.folder, channel.stem, ".hl7", kinds)
        self._channel = channel

    def joined(self, texts: list[str]) -> bytes:
        return "".join(texts).encode(self._channel.encoding)

    def spoiled(self, text: str, rows: int) -> Spoiled:
        edit = self._channel.breaks[self.turn % len(self._channel.breaks)]
        segments = self._alone(text)
        if edit.field:
            _first(segments, edit.segment, edit.field)[edit.field] = edit.value
        else:
            segments = [s for s in segments if s[0] != edit.segment]
        return Spoiled(_join(segments), edit.kind, edit.reason, edit.segment)

    def unmapped(self, text: str) -> str | None:
        edit = self._channel.unmapped
        if edit is None:
            return None
        segments = _split(text)
        _first(segments, edit.segment, edit.field)[edit.field] = edit.value
        return _join(segments)

    def wrong_file(self, kind: str, text: str) -> WholeFile:
        segments = self._alone(text)
        encoding = self._channel.encoding
        match kind:
            case "cut":
                at = next(n for n, s in enumerate(segments) if s[0] == self._channel.each)
                kept = [*segments[:at], segments[at][: self._channel.keep]]
                data = _join(kept).rstrip(_END).encode(encoding)
                return WholeFile(data, "cut_file", "missing_required", 1)
            case "missing_header":
                return WholeFile(_join(segments[1:]).encode(encoding), f"{kind}_file", kind)
            case "wrong_encoding":
                plain = _join(segments).encode("ascii", errors="replace")
                return WholeFile(plain.replace(b"?", b"\xff\xfe"), f"{kind}_file", kind, 1)
            case _:
                return WholeFile(b"", "empty_file", "empty_file")

    def _alone(self, message: str) -> list[list[str]]:
        """Segments up to the first row, the row renumbered so that it repeats nothing."""
        segments = _split(message)
        channel = self._channel
        at = next(n for n, s in enumerate(segments) if s[0] == channel.each)
        following = [s for s in segments[at + 1 :] if s[0] not in (channel.each, "ORC")]
        row = list(segments[at])
        row[channel.key] = _renumbered(row[channel.key], self.turn)
        return [*segments[:at], row, *following]


def _split(message: str) -> list[list[str]]:
    return [line.split("|") for line in message.split(_END) if line]


def _join(segments: list[list[str]]) -> str:
    return "".join("|".join(s) + _END for s in segments)


def _first(segments: list[list[str]], name: str, reach: int = 0) -> list[str]:
    """The first segment of a name, made long enough to hold field `reach`."""
    found = next(s for s in segments if s[0] == name)
    found += [""] * (reach + 1 - len(found))
    return found


def _renumbered(value: str, turn: int) -> str:
    """The number in a field's first component with a mark of its own."""
    head, mark, tail = value.partition("^")
    return f"{head}X{turn}{mark}{tail}"
