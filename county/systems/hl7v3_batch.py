"""HL7 V3 service messages of a whole month as columns, and what may be wrong with one.

Belongs here: elements as Polars expressions, batches, spoiled messages. Not here: what is sent
(`county/domains/service_messages.py`). Element names follow the printed service examples.
"""

import re
from dataclasses import dataclass

import polars as pl

from county.systems.message_files import MessageFiles, Spoiled, WholeFile

ROOT = "2.16.156.10011"
PATIENT, INDEX, ID_NUMBER = f"{ROOT}.0.2.2", f"{ROOT}.0.2.1", f"{ROOT}.1.3"
STAFF, ORGANIZATION, CARD = f"{ROOT}.1.4", f"{ROOT}.1.5", f"{ROOT}.1.19"
VISIT, DEPARTMENT, BED, ORDER = f"{ROOT}.2.5.1.9", f"{ROOT}.1.26", f"{ROOT}.1.22", f"{ROOT}.1.28"
DOCUMENT, INPATIENT = f"{ROOT}.1.1", f"{ROOT}.1.12"
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_BATCH = "MCCI_IN200100UV01"
_MESSAGE_ID = re.compile(r'(<id root="[\d.]+" extension=")([^"]+)(")')
_CREATED = re.compile(r'<creationTime value="\d+"/>')


def text(*parts: pl.Expr | str) -> pl.Expr:
    """Pieces of XML and columns put together; a null column is empty."""
    return pl.concat_str(
        [pl.lit(p) if isinstance(p, str) else p.cast(pl.String).fill_null("") for p in parts]
    )


def when_given(column: str, *parts: pl.Expr | str) -> pl.Expr:
    """An element that is left out where the column is null."""
    return pl.when(pl.col(column).is_null()).then(pl.lit("")).otherwise(text(*parts))


def item(root: str, column: str) -> pl.Expr:
    return when_given(column, f'<item root="{root}" extension="', pl.col(column), '"/>')


def named(value: pl.Expr | str) -> pl.Expr:
    return text('<name><item><part value="', value, '"/></item></name>')


def moment(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y%m%d%H%M%S")


def person() -> pl.Expr:
    """`patientPerson` as the sender knows the person."""
    return text(
        "<patientPerson>", "<id>", item(ID_NUMBER, "id_number"), "</id>", named(pl.col("name")),
        when_given("phone", '<telecom><item value="', pl.col("phone"), '"/></telecom>'),
        '<administrativeGenderCode code="', pl.col("sex"), f'" codeSystem="{ROOT}.2.3.3.4"/>',
        '<birthTime value="', pl.col("birth").dt.strftime("%Y%m%d"), '"/>',
        when_given("address", '<addr><item><part type="SAL" value="', pl.col("address"),
                   '"/></item></addr>'),
        when_given("health_card", "<asOtherIDs><id>", item(CARD, "health_card"),
                   "</id></asOtherIDs>"),
        "</patientPerson>",
    )  # fmt: skip


def staff(tag: str, column: str = "staff_id") -> pl.Expr:
    """A participation that names a member of staff."""
    return text(
        f"<{tag}><assignedEntity><id>", item(STAFF, column), f"</id></assignedEntity></{tag}>"
    )


def interaction(
    name: str, sender: str, receiver: str, act: pl.Expr, acknowledged: str | None = None
) -> pl.Expr:
    """One message; needs `message_id` and `moment`, and `target_id` when it answers another."""
    answer: tuple[pl.Expr | str, ...] = ()
    if acknowledged:
        answer = (
            f'<acknowledgement typeCode="{acknowledged}"><targetMessage><id root="{ROOT}.0" '
            'extension="', pl.col("target_id"), '"/></targetMessage></acknowledgement>',
        )  # fmt: skip
    devices = "".join(
        f'<{tag}><device><id><item root="{ROOT}.0.1.{n}" extension="{who}"/></id></device></{tag}>'
        for tag, n, who in (("receiver", 1, receiver), ("sender", 2, sender))
    )
    return text(
        f'<{name} xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id root="{ROOT}.0" extension="',
        pl.col("message_id"), '"/><creationTime value="', moment("moment"), '"/>',
        f'<interactionId root="2.16.840.1.113883.1.6" extension="{name}"/>',
        f'<processingCode code="P"/><processingModeCode/><acceptAckCode code="AL"/>{devices}',
        *answer, act, f"</{name}>",
    )  # fmt: skip


def act(*subject: pl.Expr | str, after: pl.Expr | str = "") -> pl.Expr:
    """`controlActProcess` with one subject."""
    return text(
        '<controlActProcess classCode="CACT" moodCode="EVN"><subject typeCode="SUBJ">', *subject,
        "</subject>", after, "</controlActProcess>",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edit:
    """One way to spoil a message that holds `mark`; `sound` and `bad` rows are left of it."""

    kind: str
    reason: str
    mark: str
    pattern: str
    replacement: str
    sound: int
    bad: int


class Hl7V3Files(MessageFiles):
    """Batches of interactions, one file a day."""

    def __init__(self, feed: str, folder: str, edits: tuple[Edit, ...]) -> None:
        kinds = ("malformed", "truncated_batch", "forbidden", "wrong_encoding", "empty")
        super().__init__(feed, folder, feed.split("__")[2], ".xml", kinds)
        self._edits = edits

    def joined(self, texts: list[str]) -> bytes:
        return _HEAD + self._batch(texts, len(texts)).encode()

    def spoiled(self, text: str, rows: int) -> Spoiled:
        usable = [edit for edit in self._edits if edit.mark in text]
        fresh = self._fresh(text)
        if not usable:
            without = _CREATED.sub('<creationTime value="20260230101500"/>', fresh)
            return Spoiled(without, "impossible_date", "impossible_date", "creationTime", 0, 1)
        edit = usable[self.turn % len(usable)]
        wrong = re.sub(edit.pattern, edit.replacement, fresh, count=1)
        return Spoiled(wrong, edit.kind, edit.reason, edit.mark, edit.sound, edit.bad)

    def unmapped(self, text: str) -> str | None:
        if "<clinicalDocument" not in text:
            return None
        return re.sub(
            rf'<code code="[^"]+"( codeSystem="{ROOT}.2.4")', r'<code code="BC99"\1', text
        )

    def wrong_file(self, kind: str, text: str) -> WholeFile:
        whole = self._batch([self._fresh(text)], 1).encode()
        match kind:
            case "malformed":
                return WholeFile(_HEAD + whole[:-40], "malformed_file", "malformed_xml")
            case "truncated_batch":
                empty = self._batch([], 3).encode()
                return WholeFile(_HEAD + empty, "truncated_batch", "truncated")
            case "forbidden":
                kind_of = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///dev/null">]>\n'
                return WholeFile(_HEAD + kind_of + whole, "forbidden_file", "forbidden_xml")
            case "wrong_encoding":
                data = _HEAD + b"<" + "云泉县".encode("gb18030") + b"\xff\xfe>"
                return WholeFile(data, "wrong_encoding_file", "wrong_encoding")
            case _:
                return WholeFile(b"", "empty_file", "empty_file")

    @staticmethod
    def _batch(texts: list[str], count: int) -> str:
        inner = "\n".join(texts)
        return (
            f'<{_BATCH} xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0">'
            f'<transmissionQuantity value="{count}"/>\n{inner}\n</{_BATCH}>'
        )

    def _fresh(self, message: str) -> str:
        """The message under a number of its own."""
        return _MESSAGE_ID.sub(rf"\g<1>\g<2>X{self.turn}\g<3>", message, count=1)
