"""Rules of acknowledgements and of validation against the standard."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingestion.formats.hl7_conformance import (
    UnanswerableMessage,
    build_ack,
    read_ack,
    structure_defect,
)

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
MESSAGE = (
    b"MSH|^~\\&|HIS|H01|YG|YQ|20260301||ADT^A01^ADT_A01|M7|P|2.5.1\rEVN||20260301\r"
    b"PID|1||1^^^H01||Li^Si\rPV1|1|I\r"
)


def test_an_answer_names_the_message_and_swaps_the_sides() -> None:
    answer = build_ack(MESSAGE, "AE", "malformed_message", now=NOW, control_id="R1")
    assert answer.startswith(b"MSH|^~\\&|YG|YQ|HIS|H01|20260301080000+0800||ACK^A01^ACK|R1|P|2.5.1")
    got = read_ack(answer)
    assert got is not None
    assert (got.code, got.control_id, got.error) == ("AE", "M7", "malformed_message")
    assert (
        structure_defect(build_ack(MESSAGE, "AA", None, now=NOW, control_id="R2").decode()) is None
    )


def test_a_message_without_header_cannot_be_answered() -> None:
    with pytest.raises(UnanswerableMessage):
        build_ack(b"PID|1", "AA", None, now=NOW, control_id="R1")
    assert read_ack(MESSAGE) is None


def test_structure_is_checked_against_the_standard() -> None:
    assert structure_defect(MESSAGE.decode()) is None
    assert structure_defect(MESSAGE.decode().replace("PV1|1|I\r", "")) is not None
