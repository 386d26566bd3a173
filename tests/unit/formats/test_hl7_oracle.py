"""Every field that hl7apy and our reader both read must agree, over the shared HL7 v2 corpus."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from hl7apy.core import Message
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from ingestion.formats.hl7v2 import Request, read_tables
from ingestion.formats.hl7v2_framing import MAX_FILE_BYTES, frame
from ingestion.formats.source import SourceFile

MESSAGES_PER_FILE = 2
SEGMENTS_PER_MESSAGE = 60
COMPONENT_NAME = re.compile(r"_(\d+)$")
FIELD_NAME = re.compile(r"[A-Z][A-Z0-9]{2}_(\d+)")

Place = tuple[str, int, int, int]  # segment, its ordinal in the message, field, component


def _for_peer(text: str, marks: str) -> str:
    """The first segments only, and without the truncation character the peer refuses before 2.7."""
    head = "\r".join(text.split("\r")[:SEGMENTS_PER_MESSAGE])
    return head.replace(marks, marks[:5], 1)


def _peer_values(message: Message) -> dict[Place, str]:
    """Component texts of each field's first repetition, as hl7apy reads them."""
    found: dict[Place, str] = {}
    ordinals: dict[str, int] = defaultdict(int)
    for segment in message.children:
        ordinals[segment.name] += 1
        seen: set[int] = set()
        for field in segment.children:
            match = FIELD_NAME.fullmatch(field.name or "")
            if match is None or int(match[1]) in seen:
                continue
            number = int(match[1])
            seen.add(number)
            if segment.name == "MSH" and number <= 2:
                continue
            for part in field.children:
                # hl7apy drops the number of components its version does not know
                place = COMPONENT_NAME.search(part.name or "")
                if place or part.name == field.datatype:
                    component = int(place[1]) if place else 1
                    found[segment.name, ordinals[segment.name], number, component] = part.to_er7()
    return found


def _same(mine: str | None, theirs: str | None) -> bool:
    """Equal but for what hl7apy tidies: blanks at the ends, leading zeros of set ids."""
    mine, theirs = (mine or "").strip(), (theirs or "").strip()
    return mine == theirs or (mine.isdigit() and theirs.isdigit() and int(mine) == int(theirs))


@pytest.mark.slow
def test_components_agree_with_hl7apy_over_the_corpus(samples: Callable[..., Path]) -> None:
    root = samples("hl7v2")
    files = [
        SourceFile(str(path.relative_to(root)), path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".xml"
    ]
    framed = frame(files, None, MAX_FILE_BYTES)
    taken: dict[int, int] = defaultdict(int)
    peers: dict[tuple[int, int], dict[Place, str]] = {}
    escapes: dict[tuple[int, int], str] = {}
    for text, file, record, marks in zip(
        framed.texts, framed.files, framed.records, framed.delimiters, strict=True
    ):
        if taken[file] >= MESSAGES_PER_FILE:
            continue
        taken[file] += 1
        try:
            peer = parse_message(_for_peer(text, marks), find_groups=False)
            peers[file, record] = _peer_values(peer)
        except (HL7apyException, AttributeError, AssertionError):
            continue  # what the peer cannot read proves nothing
        escapes[file, record] = marks[3:4] or "\0"
    wanted: dict[str, set[str]] = defaultdict(set)
    for values in peers.values():
        for segment, _, number, component in values:
            wanted[segment].add(f"{segment}-{number}.{component}")
    requests = {name: Request(name, tuple(sorted(paths))) for name, paths in wanted.items()}
    parsed = read_tables(files, requests)
    tables = parsed.tables
    refused = {(p.file, p.record) for p in parsed.problems if p.code == "malformed_message"}
    ours = {
        (row["_file"], row["_record"], name, row["_item"]): row
        for name, table in tables.items()
        for row in table.iter_rows(named=True)
    }
    compared, differing = 0, []
    for (file, record), values in peers.items():
        for (segment, ordinal, number, component), value in values.items():
            row = ours.get((file, record, segment, ordinal))
            mine = row and row[f"{segment}-{number}.{component}"]
            theirs = value if value not in ("", '""') else None
            if theirs and escapes[file, record] in theirs:
                continue  # hl7apy keeps escape sequences, we replace them
            compared += 1
            if row is None and (file, record) in refused:
                continue  # a line without separator: a segment to the peer, a problem to us
            if not _same(mine, theirs):
                differing.append((files[file].name, record, f"{segment}-{number}.{component}"))
    assert len(peers) > 0.9 * len(taken), "the peer read too little to compare"
    assert compared > 50_000
    assert not differing, f"{len(differing)} of {compared} differ, first: {differing[:20]}"
