"""Rules of reading HL7 v2. All people are invented."""

import pytest

from ingestion.formats.hl7v2 import Request, read_tables
from ingestion.formats.source import Parsed, SourceFile

HEAD = "MSH|^~\\&|LIS|H01|YG|YQ|20260301||{kind}|M1|P|2.5.1||||||{charset}"
PID = "PID|1||0001^^^H01^MR~653999198001010011^^^MPS^NNCHN~C9^^^WJW^HC||张三^^Zhang&San||19800101|M"


def message(*segments: str, kind: str = "ORU^R01^ORU_R01", charset: str = "UNICODE UTF-8") -> str:
    return "\r".join([HEAD.format(kind=kind, charset=charset), *segments]) + "\r"


def parse(data: bytes | str, each: str, *paths: str, encoding: str | None = None, **when) -> Parsed:
    raw = data.encode() if isinstance(data, str) else data
    conditions = {name.replace("_", "-"): values for name, values in when.items()}
    request = Request(each, paths, conditions)
    return read_tables([SourceFile("f.hl7", raw)], {"t": request}, encoding=encoding)


def rows(parsed: Parsed) -> list[tuple]:
    return parsed.tables["t"].rows()


def codes(parsed: Parsed) -> list[str]:
    return [problem.code for problem in parsed.problems]


def test_paths_reach_fields_components_subcomponents_and_named_repetitions() -> None:
    parsed = parse(
        message(PID),
        "message",
        "PID-3.1", "PID-3(NNCHN).1", "PID-3(HC).1", "PID-3(MB).1", "PID-5", "PID-5.1", "PID-5.3.2",
        "PID-8.1", "PID-30", "MSH-1", "MSH-2", "MSH-9.2",
    )  # fmt: skip
    assert rows(parsed)[0] == (
        "0001", "653999198001010011", "C9", None, "张三^^Zhang&San", "张三", "San",
        "M", None, "|", "^~\\&", "R01", 0, 1, 1,
    )  # fmt: skip


def test_each_result_takes_the_order_before_it() -> None:
    parsed = parse(
        message(PID, "OBR|1||A", "OBX|1|ST|x||1", "OBX|2|ST|y||2", "OBR|2||B", "OBX|1|ST|z||3"),
        "OBX",
        "OBR-3.1", "OBX-3.1", "OBX-5", "PID-3.1",
    )  # fmt: skip
    assert [r[:4] for r in rows(parsed)] == [
        ("A", "x", "1", "0001"), ("A", "y", "2", "0001"), ("B", "z", "3", "0001"),
    ]  # fmt: skip
    assert parsed.tables["t"]["_item"].to_list() == [1, 2, 3]


def test_a_result_before_any_order_has_no_order() -> None:
    parsed = parse(message(PID, "OBX|1|ST|h||170", "OBR|1||A"), "OBX", "OBR-3.1")
    assert rows(parsed)[0][0] is None


def test_two_patients_in_a_message_never_share_a_segment() -> None:
    text = message(
        "PID|1||P1", "PV1|1|I|||||||||||||||||V1", "OBR|1||A", "OBX|1|ST|x||1",
        "PID|2||P2", "OBR|1||B", "OBX|1|ST|x||2",
    )  # fmt: skip
    parsed = parse(text, "OBX", "PID-3.1", "PV1-19.1", "OBR-3.1", "MSH-10")
    assert [r[:4] for r in rows(parsed)] == [("P1", "V1", "A", "M1"), ("P2", None, "B", "M1")]


def test_when_keeps_message_types_and_understands_wildcards() -> None:
    text = (
        message(PID, kind="ADT^A01") + message(PID, kind="ADT^A11") + message(PID, kind="ORU^R01")
    )
    assert len(rows(parse(text, "message", "MSH-9", MSH_9=["ADT^A01"]))) == 1
    assert len(rows(parse(text, "message", "MSH-9", MSH_9=["ADT^*"]))) == 2
    assert parse(text, "message", "MSH-9", MSH_9=["SIU^*"]).records == [3]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_every_line_end_is_read(end: str) -> None:
    parsed = parse(message(PID, "PV1|1|I").replace("\r", end), "message", "PV1-2", "PID-5.1")
    assert rows(parsed)[0][:2] == ("I", "张三")
    assert not parsed.problems


def test_mllp_frames_and_batches_hold_several_messages() -> None:
    framed = b"".join(b"\x0b" + message(PID).encode() + b"\x1c\r" for _ in range(3))
    assert parse(framed, "message", "PID-8").records == [3]
    batch = "FHS|^~\\&\rBHS|^~\\&\r" + message(PID) * 2 + "BTS|2\rFTS|1\r"
    parsed = parse(batch, "message", "PID-8")
    assert parsed.records == [2] and not parsed.problems


def test_a_batch_that_lost_messages_is_named() -> None:
    assert codes(parse("BHS|^~\\&\r" + message(PID) + "BTS|2\r", "message", "PID-8")) == [
        "truncated"
    ]
    assert codes(parse(b"\x0b" + message(PID).encode(), "message", "PID-8")) == ["truncated"]


def test_own_delimiters_are_used_message_by_message() -> None:
    other = "MSH$%*/@$A$B$C$D$2026$$ADT%A01$X$P$2.5\rPID$1$$7%%%a%MR*8%%%a%NNCHN$$Li@x%Si\r"
    parsed = parse(message(PID) + other, "message", "PID-3(NNCHN).1", "PID-5.1.1", "MSH-9.2")
    assert [r[:3] for r in rows(parsed)] == [
        ("653999198001010011", "张三", "R01"),
        ("8", "Li", "A01"),
    ]


def test_escape_sequences_become_characters() -> None:
    text = message(r"OBX|1|TX|n||a\F\b\S\c\T\d\R\e\E\f\X41\g\.br\h\H\i\N\\Z1\\XE5BCA0\ ")
    assert rows(parse(text, "OBX", "OBX-5"))[0][0] == "a|b^c&d~e\\fAg\nhi\\Z1\\张 "


def test_empty_and_delete_are_null() -> None:
    assert rows(parse(message('PID|1||""||^x|||'), "message", "PID-3.1", "PID-5.1"))[0][:2] == (
        None, None,
    )  # fmt: skip


def test_charset_comes_from_the_message_then_from_the_contract() -> None:
    named = message(PID, charset="GB 18030-2000").encode("gb18030")
    silent = message(PID, charset="").encode("gb18030")
    for data, encoding in ((named, "utf-8"), (silent, "gb18030"), (silent, None)):
        parsed = parse(data, "message", "PID-5.1", encoding=encoding)
        assert rows(parsed)[0][0] == "张三" and not parsed.problems


@pytest.mark.parametrize(
    ("said", "true"), [("UNICODE UTF-8", "gb18030"), ("GB 18030-2000", "utf-8")]
)
def test_a_wrong_charset_is_named_and_the_rows_still_come(said: str, true: str) -> None:
    parsed = parse(message(PID, "PV1|1|I|内科", charset=said).encode(true), "message", "PID-5.1")
    assert codes(parsed) == ["wrong_encoding"]
    assert rows(parsed)[0][0] == "张三"


def test_bytes_that_fit_no_charset_are_refused() -> None:
    parsed = parse(message(PID).encode() + b"NTE|1||\xff\xff\r", "message", "PID-5.1")
    assert codes(parsed) == ["wrong_encoding"] and parsed.records == [1]
    assert rows(parsed) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b" \r\n", "empty_file"),
        (b"PID|1||7\r", "missing_header"),
        (b"FHS|^~\\&|a\r", "missing_header"),
        (b"MSH", "malformed_message"),
        (b"MSH|", "malformed_message"),
        (b"MSH|^^~\\|a", "malformed_message"),
        (b"MSH|^~\\&|a|b", "malformed_message"),
        (b"\xff\xfeM", "wrong_encoding"),
        (b"<ADT_A01/>", "unsupported_document"),
        (b"<ADT_A01>", "malformed_xml"),
    ],
)
def test_what_is_no_message_is_named(data: bytes, code: str) -> None:
    assert codes(parse(data, "message", "PID-3.1")) == [code]


def test_a_line_that_is_no_segment_is_named_and_the_rest_is_kept() -> None:
    parsed = parse(message(PID, "INVALID SEGMENT", "PV1|1|I"), "message", "PV1-2", "PID-8")
    assert codes(parsed) == ["malformed_message"]
    assert parsed.problems[0].detail.startswith("line 3")
    assert rows(parsed)[0][:2] == ("I", "M")


def test_one_bad_file_does_not_touch_the_others() -> None:
    files = [SourceFile("a", b""), SourceFile("b", message(PID).encode()), SourceFile("c", b"x")]
    parsed = read_tables(files, {"t": Request("message", ("PID-8",))})
    assert parsed.tables["t"]["_file"].to_list() == [1]
    assert list(parsed.records) == [0, 1, 0]
    assert [(p.file, p.code) for p in parsed.problems] == [(0, "empty_file"), (2, "missing_header")]


def test_a_line_over_the_limit_is_refused() -> None:
    data = message(PID).encode() + b"OBX|1|ED|x||" + b"A" * (17 << 20)
    assert codes(parse(data, "message", "PID-8")) == ["line_too_long"]


def test_xml_encoding_reads_as_the_same_message() -> None:
    xml = (
        '<ADT_A01 xmlns="urn:hl7-org:v2xml"><MSH><MSH.1>|</MSH.1><MSH.2>^~\\&amp;</MSH.2>'
        "<MSH.9><MSG.1>ADT</MSG.1><MSG.2>A01</MSG.2></MSH.9></MSH><ADT_A01.PATIENT><PID>"
        "<PID.3><CX.1>7</CX.1><CX.5>MR</CX.5></PID.3><PID.3><CX.1>8</CX.1><CX.5>NNCHN</CX.5></PID.3>"
        "<PID.5><XPN.1><FN.1>张|三</FN.1></XPN.1></PID.5></PID></ADT_A01.PATIENT></ADT_A01>"
    )
    parsed = parse(xml, "message", "PID-3(NNCHN).1", "PID-5.1", "MSH-9", MSH_9=["ADT^A01"])
    assert rows(parsed)[0][:3] == ("8", "张|三", "ADT^A01")


def test_a_mapping_with_no_path_is_an_error_of_the_contract() -> None:
    with pytest.raises(ValueError, match="not an HL7"):
        parse(message(PID), "message", "patient name")
