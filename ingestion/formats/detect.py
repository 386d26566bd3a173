"""What kind of file some bytes are, judged by content and never by name.

Belongs here: signatures. Not here: reading any of them.
"""

import re

HL7_LINE = re.compile(rb"[\x0b\s]*(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
XML_START = re.compile(rb"<(?:\?xml|!--|!DOCTYPE|[A-Za-z_\x80-\xff])")
DICOM_MARK_AT = 128
DBF_VERSIONS = (0x02, 0x03, 0x30, 0x31, 0x32, 0x43, 0x83, 0x8B, 0xCB, 0xF5, 0xFB)
DBF_FIELD_TYPES = b"CNFDLMGPIBYTVQ0@O+"
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"SQLite format 3\0", "sqlite"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"%PDF-", "pdf"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
)


def detect(data: bytes) -> str | None:
    """`hl7v2`, `xml`, `json`, `dicom`, `dbf`, `sqlite`, `zip`, `ole` (old Office), an archive kind,
    `pdf`, or None when no signature fits (text tables have none)."""
    for mark, kind in SIGNATURES:
        if data.startswith(mark):
            return kind
    if data[DICOM_MARK_AT : DICOM_MARK_AT + 4] == b"DICM":
        return "dicom"
    if is_dbf(data):
        return "dbf"
    head = data[:512].removeprefix(b"\xef\xbb\xbf")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.replace(b"\0", b"")[2:]
    if HL7_LINE.match(head):
        return "hl7v2"
    start = head.lstrip()
    if XML_START.match(start):
        return "xml"
    if start[:1] in (b"{", b"[") and start[1:].lstrip()[:1] in (b'"', b"{", b"[", b"}", b"]"):
        return "json"
    return None


def is_dbf(data: bytes) -> bool:
    """A dBASE or FoxPro table: version and day, then lengths and a first field that make sense."""
    if len(data) < 65 or data[0] not in DBF_VERSIONS or data[2] > 12 or data[3] > 31:
        return False
    header = int.from_bytes(data[8:10], "little")
    width = int.from_bytes(data[10:12], "little")
    return header >= 65 and width > 1 and data[43] in DBF_FIELD_TYPES and data[32] > 0x20
