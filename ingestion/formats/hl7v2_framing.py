"""HL7 v2 bytes to decoded messages: framing, batches, line ends, delimiters and character sets.

Belongs here: everything up to "this is one message, in this character set, with these delimiters".
Not here: segments, fields and paths (`hl7v2_paths.py`).

Source: HL7 v2.5.1 chapter 2 (2.5.4 delimiters, 2.10.3 batches), appendix C of the implementation
guide (MLLP), table 0211 (character sets).
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from ingestion.formats.detect import detect
from ingestion.formats.source import Problem, SourceFile

MAX_FILE_BYTES = 1 << 30
MAX_LINE_BYTES = 16 << 20

DOUBLED_ESCAPE = b"\\\\"
START_BLOCK, END_BLOCK = b"\x0b", b"\x1c"
INNER_LINE_END = re.compile(rb"\r\n|\n(?=[A-Z][A-Z0-9]{2}[^A-Za-z0-9])|\n(?=[\r\n]|\Z)")
BATCH_LINE = re.compile(rb"\s*(?:FHS|BHS|BTS|FTS)(?:[^A-Za-z0-9]|\Z)")
CJK_ONLY = re.compile("[\x00-\x7f\u00b7\u2010-\u203b\u3000-\u9fff\uff00-\uffef]*")

CHARSETS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "GB18030-2000": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
    "ISO IR87": "iso2022_jp",
    **{f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 12), 13, 14, 15, 16)},
}
"""Table 0211 names, and the spellings seen in China, to Python codecs. GBK and GB2312 are subsets
of GB 18030."""
MULTI_BYTE = ("gb18030", "big5", "euc_kr", "iso2022_jp", "utf-16", "utf-32")


@dataclass
class Messages:
    """Decoded messages of a batch of files, as parallel lists; grain: one message.

    `delimiters` is MSH-1 followed by MSH-2. `texts` use CR between segments and start with MSH.
    """

    texts: list[str] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    delimiters: list[str] = field(default_factory=list)
    codecs: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


def frame(files: Sequence[SourceFile], encoding: str | None, max_bytes: int) -> Messages:
    """Find and decode every message of every file.

    Args:
        files: Whole files, any mix of framing.
        encoding: Codec for messages that name no character set in MSH-18.
        max_bytes: Files above this size are refused unread.

    Returns:
        Messages, and one problem for each piece that is none.
    """
    out = Messages()
    for index, file in enumerate(files):
        data = file.data
        if not data.strip():
            out.problems.append(Problem(index, 0, 0, "empty_file", ""))
            out.counts.append(0)
        elif len(data) > max_bytes:
            out.problems.append(Problem(index, 0, 0, "file_too_large", f"{len(data)} bytes"))
            out.counts.append(0)
        elif (kind := _other_kind(data)) is not None:
            detail = f"{kind} where HL7 v2 was expected"
            out.problems.append(Problem(index, 0, 0, "wrong_format", detail))
            out.counts.append(0)
        else:
            out.counts.append(_frame_file(index, data, encoding, out))
    return out


def _other_kind(data: bytes) -> str | None:
    if data.startswith(b"MSH"):
        return None
    kind = detect(data)
    return None if kind in (None, "hl7v2", "xml") else kind


def _frame_file(index: int, data: bytes, encoding: str | None, out: Messages) -> int:
    forced = None
    if data[:3] == codecs.BOM_UTF8:
        data, forced = data[3:], "utf-8"
    elif data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        try:
            data, forced = data.decode("utf-16").encode("utf-8"), "utf-8"
        except UnicodeDecodeError as error:
            out.problems.append(Problem(index, 0, 0, "wrong_encoding", f"byte {error.start}"))
            return 0
    data = _unframed(index, data, out)
    chunks = list(_split_messages(index, data, out))
    for number, chunk in enumerate(chunks, 1):
        _read_message(index, number, chunk, encoding, forced, out)
    if b"\rBTS" in data:
        _check_batch_counts(index, data, out)
    return len(chunks)


def _unframed(index: int, data: bytes, out: Messages) -> bytes:
    """Take off MLLP blocks and turn every kind of segment end into CR."""
    if START_BLOCK in data:
        if data.count(START_BLOCK) > data.count(END_BLOCK):
            detail = "MLLP end block missing"
            out.problems.append(Problem(index, 0, 0, "truncated", detail))
        data = data.replace(START_BLOCK, b"\r")
    if END_BLOCK in data:
        data = data.replace(END_BLOCK, b"\r")
    if b"\n" in data:
        if data.count(b"\r") == data.count(b"\r\n"):
            data = data.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
        else:  # segments end in CR; a lone LF inside a field is text
            data = INNER_LINE_END.sub(b"\r", data)
    return data if data.startswith(b"MSH") else data.lstrip(b"\r ")


def _split_messages(index: int, data: bytes, out: Messages) -> Iterator[bytes]:
    if data.startswith(b"MSH") and data.find(b"\rMSH", 3) < 0:
        yield data
        return
    starts = list(_message_starts(data))
    prelude = data[: starts[0]] if starts else data
    stray = [
        number
        for number, line in enumerate(prelude.split(b"\r"), 1)
        if line.strip() and not BATCH_LINE.match(line)
    ]
    if stray:
        detail = f"line {stray[0]}, {len(stray)} line(s) before any MSH"
        out.problems.append(Problem(index, 0, 0, "missing_header", detail))
    elif not starts:
        out.problems.append(Problem(index, 0, 0, "missing_header", "batch without messages"))
    for start, end in pairwise([*starts, len(data)]):
        yield data[start:end]


def _message_starts(data: bytes) -> Iterator[int]:
    """Where a line begins with MSH; a plain search is ten times faster than a pattern here."""
    if data.startswith(b"MSH"):
        yield 0
    at = data.find(b"\rMSH")
    while at >= 0:
        yield at + 1
        at = data.find(b"\rMSH", at + 4)


def _read_message(
    index: int, number: int, chunk: bytes, encoding: str | None, forced: str | None, out: Messages
) -> None:
    def problem(code: str, detail: str) -> None:
        out.problems.append(Problem(index, number, 0, code, detail))

    if len(chunk) > MAX_LINE_BYTES and max(map(len, chunk.split(b"\r"))) > MAX_LINE_BYTES:
        problem("line_too_long", f"over {MAX_LINE_BYTES} bytes")
        return
    end = chunk.find(b"\r")
    header = chunk[3 : end if end >= 0 else None]
    fields = header[1:].split(header[:1]) if header else [b""]
    if DOUBLED_ESCAPE in fields[0]:
        problem("malformed_message", "MSH-2 doubles the escape character")
        fields[0] = fields[0].replace(DOUBLED_ESCAPE, b"\\")
    defect = _delimiter_defect(header[:1], fields[0])
    if defect:
        problem("malformed_message", defect)
        return
    # fields[0] is MSH-2, so MSH-n is fields[n - 2]
    declared = _charset(fields[16], fields[0]) if len(fields) > 16 else None
    decoded = _decode(chunk, forced or declared, encoding)
    if decoded is None:
        problem("wrong_encoding", "no known character set fits")
        return
    text, codec, as_declared = decoded
    if not as_declared:
        problem("wrong_encoding", f"declared {forced or declared or encoding}, is {codec}")
    if len(fields) < 8 or not fields[7].strip():
        problem("malformed_message", "MSH-9 missing")
    out.texts.append(text)
    out.files.append(index)
    out.records.append(number)
    out.delimiters.append((header[:1] + fields[0]).decode("latin-1"))
    out.codecs.append(codec)


@cache
def _charset(value: bytes, marks: bytes) -> str | None:
    """Codec of the first character set MSH-18 names; None when absent or unknown."""
    name = value.split(marks[1:2] or b"~")[0].strip().upper()
    return CHARSETS.get(name.decode("latin-1"))


@cache
def _delimiter_defect(separator: bytes, others: bytes) -> str | None:
    marks = separator + others
    if not separator or separator.isalnum() or separator.isspace():
        return "MSH-1 is no separator"
    if not others or len(others) > 5:
        return "MSH-2 must hold 1 to 5 characters"
    if len(set(marks)) != len(marks):
        return "MSH-1 and MSH-2 repeat a character"
    if any(mark >= 0x80 or bytes([mark]).isalnum() or mark <= 0x20 for mark in others):
        return "MSH-2 holds letters, digits or spaces"
    return None


def _decode(
    chunk: bytes, declared: str | None, encoding: str | None
) -> tuple[str, str, bool] | None:
    """Text, codec used, and whether that is what was declared."""
    if chunk.isascii():
        return chunk.decode("ascii"), declared or encoding or "utf-8", True
    wanted = declared or encoding
    if wanted != "utf-8":
        # Chinese in UTF-8 often also "decodes" as GB 18030 or Latin-1, into nonsense: look first.
        try:
            text = chunk.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            if wanted not in MULTI_BYTE or CJK_ONLY.fullmatch(text):
                return text, "utf-8", wanted is None
    for codec in dict.fromkeys((wanted, encoding, "utf-8", "gb18030", "latin-1")):
        if codec is None or (codec == "latin-1" and wanted is not None):
            continue
        try:
            return chunk.decode(codec), codec, codec == wanted or wanted is None
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def _check_batch_counts(index: int, data: bytes, out: Messages) -> None:
    """BTS-1 must equal the messages since the batch header, else something was lost on the way."""
    count, batch = 0, 0
    for line in data.split(b"\r"):
        tag = line[:3]
        if tag == b"MSH":
            count += 1
        elif tag == b"BHS":
            count = 0
        elif tag == b"BTS":
            batch += 1
            said = line[4:].split(line[3:4])[0].strip() if len(line) > 4 else b""
            if said.isdigit() and int(said) > count:
                detail = f"batch {batch}: BTS-1 says {int(said)} messages, {count} found"
                out.problems.append(Problem(index, 0, 0, "truncated", detail))
            count = 0
