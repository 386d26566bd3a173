"""HL7 v2 messages in XML encoding, turned into delimited text.

Belongs here: the XML encoding rules and nothing else; the text then goes the way of every message.

Source: HL7 Version 2 XML Encoding Syntax, release 2.
"""

import re

from lxml import etree

from ingestion.formats.xml_document import Defect, parse_xml

SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
PART = re.compile(r"[A-Z][A-Z0-9]*\.(\d+)")
MARKS = "|^~\\&"
ESCAPES = str.maketrans(
    {"|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "\\": "\\E\\", "&": "\\T\\", "\r": " ", "\n": " "}
)


def is_xml(data: bytes) -> bool:
    """Whether the bytes start as an XML text does (after a byte order mark and spaces)."""
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"<")


def to_delimited(data: bytes) -> tuple[bytes, Defect | None]:
    """One delimited message in UTF-8, or no bytes and the reason why not."""
    root, defect = parse_xml(data)
    if root is None:
        return b"", defect
    header = _child(root, "MSH")
    if header is None:
        name = etree.QName(root).localname[:60]
        return b"", ("unsupported_document", f"XML root {name} is no HL7 v2 message")
    lines: list[str] = []
    _segments(root, lines)
    return "\r".join(lines).encode("utf-8"), None


def _child(node: etree._Element, name: str) -> etree._Element | None:
    return next((c for c in node.iterchildren("*") if etree.QName(c).localname == name), None)


def _segments(node: etree._Element, lines: list[str]) -> None:
    """Groups (`ADT_A01.PROCEDURE`) nest; segments are their leaves."""
    for child in node.iterchildren("*"):
        name = etree.QName(child).localname
        if SEGMENT.fullmatch(name):
            lines.append(_segment(name, child))
        else:
            _segments(child, lines)


def _segment(name: str, node: etree._Element) -> str:
    fields: dict[int, list[str]] = {}
    for child in node.iterchildren("*"):
        match = PART.fullmatch(etree.QName(child).localname)
        if match:
            fields.setdefault(int(match[1]), []).append(_value(child, "^"))
    if name == "MSH":
        fields[2] = [MARKS[1:]]
        fields[18] = ["UNICODE UTF-8"]
    first = 2 if name == "MSH" else 1
    last = max(fields, default=0)
    texts = ["~".join(fields.get(number, [])) for number in range(first, last + 1)]
    return "|".join([name, *texts])


def _value(node: etree._Element, mark: str) -> str:
    parts: dict[int, str] = {}
    for child in node.iterchildren("*"):
        match = PART.fullmatch(etree.QName(child).localname)
        if match:
            parts[int(match[1])] = _value(child, "&")
    if not parts:
        return "".join(node.itertext()).strip().translate(ESCAPES)
    return mark.join(parts.get(number, "") for number in range(1, max(parts) + 1))
