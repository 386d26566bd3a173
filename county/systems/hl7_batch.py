"""HL7 v2 messages of a whole month as columns, and the daily files they go out in.

Belongs here: segments as Polars expressions, files, planted faults of messages. Not here: what is
sent (`county/domains/hospital_messages.py`), the writer of the core's own messages (`hl7.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from county.months import Month
from county.outbox import Fault
from county.parameters import parameters
from county.scene import Document

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
    first = f"MSH|^~\\&|{channel.system}|{channel.sender}|PLATFORM|653999C01|"
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


@dataclass
class MessageFiles:
    """Daily files of one channel; keeps count of what it has spoiled."""

    channel: Channel
    sent: int = 0
    broken: int = 0
    turn: int = 0
    whole: list[str] = field(
        default_factory=lambda: ["cut", "missing_header", "wrong_encoding", "empty"]
    )
    has_duplicate_file: bool = False

    def month(
        self, messages: pl.DataFrame, month: Month, random: np.random.Generator
    ) -> Iterator[Document]:
        """All files of a month.

        Args:
            messages: `moment`, `text` and `rows` (how many entity rows the message carries).
        """
        if messages.is_empty():
            return
        frame = self._with_faults(messages.sort("moment", "text"), month, random)
        for part in frame.partition_by("day", maintain_order=True):
            yield from self._day(part)
        yield from self._whole_file(messages, month)

    # messages ---------------------------------------------------------------------------------

    def _with_faults(
        self, messages: pl.DataFrame, month: Month, random: np.random.Generator
    ) -> pl.DataFrame:
        """True messages, repeats and broken copies in the order of sending, by day."""
        rates, count = parameters()["faults"], len(messages)
        base = messages.select(
            "moment",
            "text",
            pl.col("rows").cast(pl.Int64),
            place=pl.int_range(pl.len()).cast(pl.Float64),
            kind=pl.lit(None, pl.String),
            outcome=pl.lit("accepted"),
            reason=pl.lit(None, pl.String),
            item=pl.lit("message"),
        )
        self.sent += int(base["rows"].sum())
        base = self._unmapped(base, np.flatnonzero(random.random(count) < rates["unmapped"]))
        repeated = np.flatnonzero(random.random(count) < rates["duplicate"])
        again = base[repeated].with_columns(
            pl.col("place") + 0.3,
            kind=pl.lit("duplicate_message"),
            outcome=pl.lit("duplicate"),
            item=pl.lit("message"),
        )
        chosen = np.flatnonzero(random.random(count) < rates["row_fault"])
        copies = [self._spoiled(base, int(at)) for at in chosen if self._room()]
        frames = [base, again, *copies]
        days = pl.col("moment").dt.date().clip(month.first, month.last).alias("day")
        return pl.concat(frames).sort("place").with_columns(days).sort("day", maintain_order=True)

    def _room(self) -> bool:
        ceiling = float(parameters()["faults"]["quarantined_ceiling"])
        return self.broken + 1 <= ceiling * self.sent

    def _unmapped(self, base: pl.DataFrame, chosen: np.ndarray) -> pl.DataFrame:
        edit = self.channel.unmapped
        if edit is None or not len(chosen):
            return base
        texts = base["text"]
        spoiled = []
        for one in texts.gather(chosen).to_list():
            segments = _split(one)
            _first(segments, edit.segment)[edit.field] = edit.value
            spoiled.append(_join(segments))
        hit = pl.int_range(pl.len()).is_in(chosen.tolist())
        return base.with_columns(
            texts.scatter(chosen, spoiled).alias("text"),
            kind=pl.when(hit).then(pl.lit(edit.kind)).otherwise("kind"),
            outcome=pl.when(hit).then(pl.lit("unmapped")).otherwise("outcome"),
            item=pl.when(hit).then(pl.lit(edit.segment)).otherwise("item"),
        )

    def _spoiled(self, base: pl.DataFrame, at: int) -> pl.DataFrame:
        """A copy with one row only, under a number of its own, with one thing wrong."""
        channel = self.channel
        edit = channel.breaks[self.turn % len(channel.breaks)]
        self.turn += 1
        self.broken += 1
        segments = self._alone(base["text"][at])
        if edit.field:
            _first(segments, edit.segment, edit.field)[edit.field] = edit.value
        else:
            segments = [s for s in segments if s[0] != edit.segment]
        return base[at].with_columns(
            pl.col("place") + 0.6,
            text=pl.lit(_join(segments)),
            rows=pl.lit(1, pl.Int64),
            kind=pl.lit(edit.kind),
            outcome=pl.lit("quarantined"),
            reason=pl.lit(edit.reason),
            item=pl.lit(edit.segment),
        )

    def _alone(self, message: str) -> list[list[str]]:
        """Segments up to the first row, the row renumbered so that it repeats nothing."""
        segments = _split(message)
        channel = self.channel
        at = next(n for n, s in enumerate(segments) if s[0] == channel.each)
        following = [s for s in segments[at + 1 :] if s[0] not in (channel.each, "ORC")]
        row = list(segments[at])
        row[channel.key] = _renumbered(row[channel.key], self.turn)
        return [*segments[:at], row, *following]

    # files ------------------------------------------------------------------------------------

    def _name(self, what: str) -> str:
        return f"{self.channel.folder}/{self.channel.stem}_{what}.hl7"

    def _day(self, part: pl.DataFrame) -> Iterator[Document]:
        day: date = part["day"][0]
        name = self._name(f"{day:%Y%m%d}")
        data = "".join(part["text"].to_list()).encode(self.channel.encoding)
        numbered = part.with_row_index("record", offset=1)
        faults = [
            Fault(self.channel.feed, name, r["record"], r["item"], r["kind"], r["outcome"],
                  r["reason"])
            for r in numbered.filter(pl.col("kind").is_not_null()).iter_rows(named=True)
        ]  # fmt: skip
        rows = {k: int(v) for k, v in part.group_by("outcome").agg(pl.sum("rows")).iter_rows()}
        true = rows.get("accepted", 0) + rows.get("unmapped", 0)
        bad, twice = rows.get("quarantined", 0), rows.get("duplicate", 0)
        yield Document(self.channel.feed, name, data, true, bad, twice, faults)
        if not bad and day.day > 20 and not self.has_duplicate_file:
            self.has_duplicate_file = True
            again = self._name(f"{day:%Y%m%d}_resent")
            fault = Fault(self.channel.feed, again, 0, "file", "duplicate_file", "duplicate", None)
            yield Document(self.channel.feed, again, data, 0, 0, true + twice, [fault])

    def _whole_file(self, messages: pl.DataFrame, month: Month) -> Iterator[Document]:
        """One file a month that holds nothing usable, while the ceiling allows."""
        if not self.whole or not self._room():
            return
        kind = self.whole.pop(0)
        self.broken += 1
        self.turn += 1
        segments = self._alone(messages["text"][-1])
        row = _first(segments, self.channel.each)
        encoding, record, reason = self.channel.encoding, 1, kind
        match kind:
            case "cut":
                at = next(n for n, s in enumerate(segments) if s is row)
                data = _join([*segments[:at], row[: self.channel.keep]]).rstrip(_END)
                raw, reason = data.encode(encoding), "missing_required"
            case "missing_header":
                raw, record = _join(segments[1:]).encode(encoding), 0
            case "wrong_encoding":
                plain = _join(segments).encode("ascii", errors="replace")
                raw = plain.replace(b"?", b"\xff\xfe")
            case _:
                raw, record, reason = b"", 0, "empty_file"
        name = self._name(f"{month.compact}_{kind}")
        feed = self.channel.feed
        fault = Fault(feed, name, record, "file", f"{kind}_file", "quarantined", reason)
        yield Document(feed, name, raw, 0, 1, 0, [fault])


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
