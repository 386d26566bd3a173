"""Shared documents of a whole month as columns: a template a document type, filled all at once.

Belongs here: the header of a document, turning a template into an expression, spoiled documents.
Not here: which section each type has (`county/domains/shared_documents.py`), XML building blocks
(`cda_parts.py`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from county.systems import cda_parts as parts
from county.systems.cda_parts import ROOTS, Kind, Node, add, coded, document, serialized
from county.systems.message_files import MessageFiles, Spoiled, WholeFile

_PLACE = re.compile(r"\{(\w+)\}")
_OWN = f"(?:{ROOTS['document']}|{ROOTS['examination_report']})"
_NUMBER = re.compile(rf'(<id root="{_OWN}" extension=")([^"]*)(")')
_KIND = re.compile(r'(<code code=")(\w+)(" codeSystem="2\.16\.156\.10011\.2\.4")')

EXAMINATION = Kind("C0006", "2.16.156.10011.2.1.1.26", "检查报告")
OPERATION = Kind("C0009", "2.16.156.10011.2.1.1.29", "一般手术记录")


def template(kind: Kind, number: str, sections: Callable[[Node], None]) -> pl.Expr:
    """The document as an expression: every `{column}` of the template is filled from a column.

    Args:
        number: Which of `ROOTS` the encounter's number is of.
        sections: Adds the sections to the body.
    """
    node = _header(kind, number)
    sections(parts.body_of(node))
    pieces = _PLACE.split(serialized(node).decode())
    return pl.concat_str(
        [
            pl.col(piece).cast(pl.String).fill_null("") if n % 2 else pl.lit(piece)
            for n, piece in enumerate(pieces)
        ]
    )


def _header(kind: Kind, number: str) -> Node:
    """Header with patient, author, keeper and encounter, all from columns."""
    node = document(kind, "{document_id}", "{created}")
    role = add(
        add(node, "recordTarget", typeCode="RCT", contextControlCode="OP"),
        "patientRole", classCode="PAT",
    )  # fmt: skip
    add(role, "id", root=ROOTS[number], extension="{encounter_id}")
    if kind is EXAMINATION:
        add(role, "id", root=ROOTS["examination_report"], extension="{report_id}")
    add(role, "id", root=ROOTS["record"], extension="{local_id}")
    add(role, "id", root=ROOTS["card"], extension="{health_card}")
    add(role, "telecom", value="{phone}")
    body = add(role, "patient", classCode="PSN", determinerCode="INSTANCE")
    add(body, "id", root=ROOTS["id_number"], extension="{id_number}")
    add(body, "name", "{name}")
    coded(body, "administrativeGenderCode", "{sex}",
          ("2.16.156.10011.2.3.3.4", "生理性别代码表（GB/T 2261.1）"))  # fmt: skip
    add(body, "birthTime", value="{birth_day}")
    parts.provider(role, "{organization_id}", "{organization_name}", "{department_name}")
    author = parts.Author("{staff_id}", "{doctor}", "{created}", "责任医生")
    parts.signatures(node, author, "{organization_id}", "{organization_name}")
    return node


@dataclass(frozen=True, slots=True)
class Edit:
    """One way to spoil a document that holds `mark`: one of its rows is refused."""

    kind: str
    reason: str
    mark: str
    pattern: str
    replacement: str


EDITS = (
    Edit("impossible_date", "impossible_date", "<effectiveTime value=",
         r'<effectiveTime value="\d+"', '<effectiveTime value="20260230101500"'),
    Edit("ended_before_started", "rule_failed", "<procedure ",
         r'<high value="\d+"', '<high value="20190501090000"'),
)  # fmt: skip


class DocumentFiles(MessageFiles):
    """One document a file."""

    def __init__(self, feed: str, folder: str) -> None:
        kinds = ("malformed", "unsupported", "forbidden", "empty")
        super().__init__(feed, folder, "gx", ".xml", kinds)

    def joined(self, texts: list[str]) -> bytes:
        return texts[0].encode()

    def spoiled(self, text: str, rows: int) -> Spoiled:
        usable = [edit for edit in EDITS if edit.mark in text]
        edit = usable[self.turn % len(usable)]
        wrong = re.sub(edit.pattern, edit.replacement, self._fresh(text), count=1)
        return Spoiled(wrong, edit.kind, edit.reason, "document", rows - 1)

    def unmapped(self, text: str) -> str | None:
        """Another document type; only where the type decides about no other row."""
        match = _KIND.search(text)
        if match is None or match[2] in (EXAMINATION.code, OPERATION.code):
            return None
        return _KIND.sub(r"\g<1>C0099\g<3>", text, count=1)

    def wrong_file(self, kind: str, text: str) -> WholeFile:
        match kind:
            case "malformed":
                return WholeFile(text[:-60].encode(), "malformed_file", "malformed_xml")
            case "unsupported":
                notice = "<通知><标题>停机维护通知</标题></通知>"
                return WholeFile(notice.encode(), "unsupported_file", "unsupported_document")
            case "forbidden":
                start = text.index("<ClinicalDocument")
                kind_of = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///dev/null">]>'
                data = (text[:start] + kind_of + text[start:]).encode()
                return WholeFile(data, "forbidden_file", "forbidden_xml")
            case _:
                return WholeFile(b"", "empty_file", "empty_file")

    def _fresh(self, text: str) -> str:
        """The document under numbers of its own."""
        return _NUMBER.sub(rf"\g<1>\g<2>X{self.turn}\g<3>", text)
