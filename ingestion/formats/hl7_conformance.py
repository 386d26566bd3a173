"""HL7 v2 messages against their structure, and acknowledgements.

Belongs here: what needs the full structure of the standard (through hl7apy, which is slow: use it
on single messages, not on feeds). Not here: reading (`hl7v2.py`).

Source: HL7 v2.5.1, chapter 2, sections 2.9 (acknowledgement) and 2.15 (MSH, MSA, ERR).
"""

from dataclasses import dataclass
from datetime import datetime

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from ingestion.formats.hl7v2 import Request, read_tables
from ingestion.formats.source import SourceFile

ACKNOWLEDGEMENT_CODES = ("AA", "AE", "AR", "CA", "CE", "CR")  # table 0008
HEADER_PATHS = ("MSH-3", "MSH-4", "MSH-5", "MSH-6", "MSH-9.2", "MSH-10", "MSH-11", "MSH-12")


@dataclass(frozen=True)
class Acknowledgement:
    """What MSA of an acknowledgement says."""

    code: str
    control_id: str
    error: str | None


class UnanswerableMessage(ValueError):
    """The bytes hold no message header to answer to."""


def structure_defect(message: str) -> str | None:
    """Why one message breaks the structure of its type; None when it conforms.

    Args:
        message: One decoded message, any line ends.

    Returns:
        The class of the defect only: hl7apy's own text may quote values.
    """
    text = message.replace("\r\n", "\r").replace("\n", "\r")
    try:
        parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        parsed.validate()
    except HL7apyException as error:
        return type(error).__name__
    return None


def build_ack(
    message: bytes, code: str, error: str | None, *, now: datetime, control_id: str
) -> bytes:
    """Answer one message.

    Args:
        message: The message as received, framed or not.
        code: A code of table 0008, such as AA or AE.
        error: A reason code of `ingestion/errors.py` for MSA-3 and ERR-8, never patient content.
        now: Time for MSH-7, with zone.
        control_id: MSH-10 of the answer.

    Returns:
        The acknowledgement in UTF-8 with CR after each segment, without MLLP framing.

    Raises:
        UnanswerableMessage: the message has no readable MSH.
        ValueError: the code is not in table 0008.
    """
    if code not in ACKNOWLEDGEMENT_CODES:
        raise ValueError(f"no acknowledgement code: {code}")
    request = Request("message", HEADER_PATHS)
    rows = read_tables([SourceFile("message", message)], {"header": request}).tables["header"]
    if rows.is_empty():
        raise UnanswerableMessage("no readable MSH")
    got = {
        name: value or ""
        for name, value in rows.row(0, named=True).items()
        if name in request.paths
    }
    trigger = f"ACK^{got['MSH-9.2']}^ACK" if got["MSH-9.2"] else "ACK"
    stamp = now.strftime("%Y%m%d%H%M%S%z")
    segments = [
        f"MSH|^~\\&|{got['MSH-5']}|{got['MSH-6']}|{got['MSH-3']}|{got['MSH-4']}|{stamp}||{trigger}"
        f"|{control_id}|{got['MSH-11'] or 'P'}|{got['MSH-12'] or '2.5.1'}||||||UNICODE UTF-8",
        f"MSA|{code}|{got['MSH-10']}" + (f"|{error}" if error else ""),
    ]
    if error:
        segments.append(f"ERR|||207^Application internal error^HL70357|E||||{error}")
    return ("\r".join(segments) + "\r").encode("utf-8")


def read_ack(answer: bytes) -> Acknowledgement | None:
    """What an answer says; None when it is no acknowledgement."""
    paths = ("MSA-1", "MSA-2", "MSA-3")
    rows = read_tables([SourceFile("answer", answer)], {"ack": Request("message", paths)})
    table = rows.tables["ack"]
    if table.is_empty() or table["MSA-1"][0] not in ACKNOWLEDGEMENT_CODES:
        return None
    return Acknowledgement(table["MSA-1"][0], table["MSA-2"][0] or "", table["MSA-3"][0])
