"""Safe JSON: the only place where JSON bytes are parsed.

Belongs here: character set, limits, one object a line or one array a file. Not here: which value
becomes a column (`json_paths.py`), what the objects mean (`jsonlines.py`, `fhir.py`).
Source: RFC 8259; numbers stay as they are written, so that no digit is lost.
"""

import codecs
import json
import re
from collections.abc import Iterator

from ingestion.formats.delimited import MAX_LINE_BYTES, GridDefect, decode
from ingestion.formats.detect import detect
from ingestion.formats.hl7v2_framing import MULTI_BYTE

Defect = tuple[str, str]
"""Reason code and where."""
Record = tuple[int, "dict[str, object] | Defect"]
"""Number in the file, from 1 (0: the whole file), and the object or why there is none."""

MAX_FILE_BYTES = 1 << 30
MAX_DEPTH = 100
MAX_OBJECT_CHARACTERS = 64 << 20
NOT_JSON = ("hl7v2", "xml", "dicom", "dbf", "sqlite", "zip", "ole", "pdf", "gzip", "7z", "rar")
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant)


def parse_json(text: str) -> object | Defect:
    """One JSON text; numbers are strings in the result. A tuple is a defect."""
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if "Invalid control character" in error.msg:
            return "malformed_json", f"control character at character {error.pos + 1}"
        cut = error.pos >= len(text.rstrip()) or "Unterminated" in error.msg
        return ("truncated" if cut else "malformed_json"), f"character {error.pos + 1}"
    except RecursionError:
        return "malformed_json", "nested too deep"
    except ValueError as error:
        return "malformed_json", str(error)
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        return "malformed_json", f"nested deeper than {MAX_DEPTH}"
    if "\\u" in text and SURROGATE.search(text) and not _encodable(value):
        return "malformed_json", "half of a surrogate pair"
    return value


def records(
    data: bytes, encoding: str | None, *, member: str | None = None, max_bytes: int = MAX_FILE_BYTES
) -> Iterator[Record]:
    """Every object of one file.

    Args:
        data: JSON lines, an array of objects, one object, or an object that holds the array.
        encoding: Codec agreed, applied strictly; None accepts UTF-8 and GB 18030.
        member: Dotted name of the array inside a single object (`data.rows`).
        max_bytes: Limit of the file; a line has one of its own (`MAX_LINE_BYTES`).

    Yields:
        Objects in file order. A line that is none is yielded as its defect and the file goes on;
        number 0 refuses the whole file.
    """
    refusal = _refusal(data, max_bytes)
    if refusal is not None:
        yield 0, refusal
        return
    decoded = decode(data, encoding)
    if isinstance(decoded, GridDefect):
        codec = (encoding or "utf-8").lower().replace("_", "-")
        if _goes_on_by_line(data, codec):
            yield from _by_line(data.split(b"\n"), codec)
        else:
            yield 0, (decoded.code, decoded.detail)
        return
    text = decoded.lstrip("\ufeff")
    start = text.lstrip()[:1]
    if not start:
        yield 0, ("empty_file", "")
    elif start not in "{[":
        yield 0, ("wrong_format", "text where JSON was expected")
    elif start == "[" or member is not None:
        yield from _whole(text, member)
    else:
        yield from _lines(text)


def _refusal(data: bytes, max_bytes: int) -> Defect | None:
    if not data.strip(b"\0 \r\n\t\xef\xbb\xbf"):
        return "empty_file", ""
    if len(data) > max_bytes:
        return "file_too_large", f"{len(data)} bytes"
    kind = detect(data)
    return ("wrong_format", f"{kind} where JSON was expected") if kind in NOT_JSON else None


def _goes_on_by_line(data: bytes, codec: str) -> bool:
    """Whether only some lines break the agreed character set, not the file as a whole: it is in no
    other set, and a line with more than ASCII can be read."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return False
    if codec in MULTI_BYTE and not isinstance(decode(data, "utf-8"), GridDefect):
        return False
    for line in data.split(b"\n"):
        if not line.isascii():
            try:
                line.decode(codec)
            except UnicodeDecodeError:
                continue
            return True
    return False


def _by_line(lines: list[bytes], codec: str) -> Iterator[Record]:
    """Lines of a file of which some are not in the agreed character set."""
    number = 0
    for line in lines:
        if not line.strip():
            continue
        number += 1
        try:
            text = line.decode(codec)
        except UnicodeDecodeError:
            yield number, ("wrong_encoding", f"not {codec}")
            continue
        yield number, _object(text)


def _lines(text: str) -> Iterator[Record]:
    """One object a line; a file that is one object over many lines is one record."""
    lines = [line for line in text.split("\n") if line.strip()]
    if isinstance(_object(lines[0]), tuple) and len(text) <= MAX_OBJECT_CHARACTERS:
        whole = parse_json(text)
        if isinstance(whole, dict):
            yield 1, whole
            return
        if not any(isinstance(_object(line), dict) for line in lines):
            yield 0, whole if isinstance(whole, tuple) else ("malformed_json", "no object")
            return
    for number, line in enumerate(lines, 1):
        yield number, _object(line)


def _object(line: str) -> "dict[str, object] | Defect":
    if len(line) > MAX_LINE_BYTES:
        return "line_too_long", f"over {MAX_LINE_BYTES} characters"
    value = parse_json(line)
    if isinstance(value, dict | tuple):
        return value
    return "malformed_json", "no object"


def _whole(text: str, member: str | None) -> Iterator[Record]:
    value = parse_json(text)
    if isinstance(value, tuple):
        yield 0, value
        return
    for step in member.split(".") if member and isinstance(value, dict) else ():
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, list):
        yield 0, ("missing_table", f"no array {member or ''}".strip())
        return
    for number, one in enumerate(value, 1):
        yield number, one if isinstance(one, dict) else ("malformed_json", "no object")


def _depth(value: object) -> int:
    """Levels of nesting, counted without recursion."""
    level, deepest = [value], 0
    while level:
        deepest += 1
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        level = below
    return deepest


def _encodable(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
