"""Files of one feed of messages or documents, with the faults planted among them.

Belongs here: which messages are repeated, spoiled or put into a file of their own, and counting
the rows of each. Not here: what a message looks like (`hl7_batch.py`, `hl7v3_batch.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from county.months import Month
from county.outbox import Fault
from county.parameters import parameters
from county.scene import Document


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A copy of a message with one thing wrong: `sound` rows are still accepted, `bad` are not."""

    text: str
    kind: str
    reason: str
    item: str
    sound: int = 0
    bad: int = 1


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that is wrong as a whole; `record` as the ledger counts it, 0 for the file."""

    data: bytes
    kind: str
    reason: str
    record: int = 0
    sound: int = 0


class MessageFiles(ABC):
    """Writes one feed; keeps count of what it has sent and spoiled.

    Args:
        feed: Feed name.
        folder: Folder of the inbox.
        stem: Beginning of file names.
        suffix: End of file names.
        whole: Kinds of wrong files, one of which goes out each month.
    """

    def __init__(
        self, feed: str, folder: str, stem: str, suffix: str, whole: tuple[str, ...]
    ) -> None:
        self.feed = feed
        self._place = (folder, stem, suffix)
        self._whole = list(whole)
        self._sent = 0
        self._broken = 0
        self._has_duplicate_file = False
        self.turn = 0

    def month(
        self, messages: pl.DataFrame, month: Month, random: np.random.Generator
    ) -> Iterator[Document]:
        """All files of a month.

        Args:
            messages: `moment`, `text` and `rows` (how many entity rows the message carries);
                `name` where each goes into a file of its own, instead of one a day.
        """
        if messages.is_empty():
            return
        frame = self._with_faults(messages.sort("moment", "text"), month, random)
        if "name" in messages.columns:
            yield from self._one_each(frame)
        else:
            for part in frame.partition_by("day", maintain_order=True):
                yield from self._day(part)
        if self._whole and self._room():
            yield self._wrong_file(messages["text"][-1], month)

    @abstractmethod
    def joined(self, texts: list[str]) -> bytes:
        """One file of these messages."""

    @abstractmethod
    def spoiled(self, text: str, rows: int) -> Spoiled:
        """A copy of a message of so many rows that repeats nothing and has one thing wrong."""

    @abstractmethod
    def unmapped(self, text: str) -> str | None:
        """The message with a code that nobody mapped, where its kind has such a code."""

    @abstractmethod
    def wrong_file(self, kind: str, text: str) -> WholeFile:
        """A wrong file of the kind, made from one message."""

    def _with_faults(
        self, messages: pl.DataFrame, month: Month, random: np.random.Generator
    ) -> pl.DataFrame:
        """True messages, repeats and broken copies in the order of sending, by day."""
        rates, count = parameters()["faults"], len(messages)
        name = "name" if "name" in messages.columns else pl.lit(None, pl.String).alias("name")
        true = messages.select(
            "moment",
            "text",
            name,
            pl.col("rows").cast(pl.Int64),
            bad=pl.lit(0, pl.Int64),
            place=pl.int_range(pl.len()).cast(pl.Float64),
            kind=pl.lit(None, pl.String),
            outcome=pl.lit("accepted"),
            reason=pl.lit(None, pl.String),
            item=pl.lit("message"),
        )
        self._sent += int(true["rows"].sum())
        base = self._with_unmapped(true, np.flatnonzero(random.random(count) < rates["unmapped"]))
        repeated = np.flatnonzero(random.random(count) < rates["duplicate"])
        again = base[repeated].with_columns(
            pl.col("place") + 0.3,
            pl.col("name") + "_resent",
            kind=pl.lit("duplicate_message"),
            outcome=pl.lit("duplicate"),
            item=pl.lit("message"),
        )
        chosen = np.flatnonzero(random.random(count) < rates["row_fault"])
        copies = [self._copy(true[int(at)]) for at in chosen if self._room()]
        days = pl.col("moment").dt.date().clip(month.first, month.last).alias("day")
        frame = pl.concat([base, again, *copies]).sort("place").with_columns(days)
        return frame.sort("day", maintain_order=True)

    def _room(self) -> bool:
        ceiling = float(parameters()["faults"]["quarantined_ceiling"])
        return self._broken + 1 <= ceiling * self._sent

    def _with_unmapped(self, base: pl.DataFrame, chosen: np.ndarray) -> pl.DataFrame:
        texts = base["text"]
        new = {int(at): self.unmapped(texts[int(at)]) for at in chosen}
        found = {at: text for at, text in new.items() if text is not None}
        if not found:
            return base
        hit = pl.int_range(pl.len()).is_in(list(found))
        return base.with_columns(
            texts.scatter(list(found), list(found.values())).alias("text"),
            kind=pl.when(hit).then(pl.lit("unmapped_local_code")).otherwise("kind"),
            outcome=pl.when(hit).then(pl.lit("unmapped")).otherwise("outcome"),
        )

    def _copy(self, one: pl.DataFrame) -> pl.DataFrame:
        self.turn += 1
        self._broken += 1
        wrong = self.spoiled(one["text"][0], one["rows"][0])
        return one.with_columns(
            pl.col("place") + 0.6,
            pl.col("name") + f"X{self.turn}",
            text=pl.lit(wrong.text),
            rows=pl.lit(wrong.sound, pl.Int64),
            bad=pl.lit(wrong.bad, pl.Int64),
            kind=pl.lit(wrong.kind),
            outcome=pl.lit("quarantined"),
            reason=pl.lit(wrong.reason),
            item=pl.lit(wrong.item),
        )

    def _name(self, what: str) -> str:
        folder, stem, suffix = self._place
        return f"{folder}/{stem}_{what}{suffix}"

    def _day(self, part: pl.DataFrame) -> Iterator[Document]:
        day: date = part["day"][0]
        name = self._name(f"{day:%Y%m%d}")
        data = self.joined(part["text"].to_list())
        faults = [
            Fault(self.feed, name, r["record"], r["item"], r["kind"], r["outcome"], r["reason"])
            for r in part.with_row_index("record", offset=1)
            .filter(pl.col("kind").is_not_null())
            .iter_rows(named=True)
        ]
        once = pl.col("outcome") != "duplicate"
        true, twice, bad = (
            int(part.filter(once)["rows"].sum()),
            int(part.filter(~once)["rows"].sum()),
            int(part["bad"].sum()),
        )
        yield Document(self.feed, name, data, true, bad, twice, faults, day)
        if not bad and day.day > 20 and not self._has_duplicate_file:
            self._has_duplicate_file = True
            again = self._name(f"{day:%Y%m%d}_resent")
            fault = Fault(self.feed, again, 0, "file", "duplicate_file", "duplicate", None)
            yield Document(self.feed, again, data, 0, 0, true + twice, [fault], day)

    def _one_each(self, frame: pl.DataFrame) -> Iterator[Document]:
        for row in frame.iter_rows(named=True):
            name, rows, kind = self._name(row["name"]), row["rows"], row["kind"]
            faults = []
            if kind is not None:
                fault = Fault(self.feed, name, 1, row["item"], kind, row["outcome"], row["reason"])
                faults.append(fault)
            data = self.joined([row["text"]])
            again = row["outcome"] == "duplicate"
            yield Document(
                self.feed,
                name,
                data,
                0 if again else rows,
                row["bad"],
                rows if again else 0,
                faults,
                row["day"],
            )

    def _wrong_file(self, text: str, month: Month) -> Document:
        """One wrong file a month, while the ceiling allows."""
        kind = self._whole.pop(0)
        self._broken += 1
        self.turn += 1
        wrong = self.wrong_file(kind, text)
        name = self._name(f"{month.compact}_{kind}")
        fault = Fault(
            self.feed, name, wrong.record, "file", wrong.kind, "quarantined", wrong.reason
        )
        return Document(self.feed, name, wrong.data, wrong.sound, 1, 0, [fault])
