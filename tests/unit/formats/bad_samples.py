"""Broken inputs: small ones written to `tests/samples/bad/`, big ones made when a test asks.

Run this file to write the small ones again. All people are invented.
"""

import io
import sqlite3
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

FOLDER = Path(__file__).parents[2] / "samples" / "bad"
MEBIBYTE = 1 << 20

HEADER = "就诊流水号,就诊类型,就诊时间,姓名"
ROW = "V1,门诊,2026-03-01 08:30:00,张三"
HL7_HEAD = "MSH|^~\\&|HIS|H01|YG|YQ|20260301083000||ADT^A04|M1|P|2.4||||||UNICODE UTF-8\r"
HL7_BODY = (
    "EVN|A04|20260301083000\rPID|1||P1^^^H01^MR||张三||19800101|M\r"
    "PV1|1|{kind}|||||D1||||||||||||V1|||||||||||||||||||||||||{start}\r"
)


def _hl7(kind: str = "O", start: str = "20260301083000") -> bytes:
    return (HL7_HEAD + HL7_BODY.format(kind=kind, start=start)).encode()


def _csv(*rows: str, encoding: str = "utf-8") -> bytes:
    return ("\r\n".join([HEADER, *rows]) + "\r\n").encode(encoding)


def _xml(body: str, prologue: str = "") -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n{prologue}'
    return f'{head}<ClinicalDocument xmlns="urn:hl7-org:v3">{body}</ClinicalDocument>'.encode()


def _entity_bomb() -> bytes:
    names = [f"x{n}" for n in range(10)]
    lines = ['<!ENTITY x0 "张三">']
    for before, name in pairwise(names):
        lines.append(f'<!ENTITY {name} "{f"&{before};" * 10}">')
    prologue = "<!DOCTYPE ClinicalDocument [" + "".join(lines) + "]>\n"
    return _xml("<title>&x9;</title>", prologue)


def _archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            info = zipfile.ZipInfo(name.replace("_", "."), (2026, 1, 1, 0, 0, 0))
            packed.writestr(info, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _dicom() -> bytes:
    data = Dataset()
    data.SpecificCharacterSet = "GB18030"
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data.SOPInstanceUID = "2.25.653999.1"
    data.PatientName, data.PatientID = "张三", "P1"
    data.StudyDate, data.StudyTime = "20260301", "083000"
    data.Rows = data.Columns = 16
    data.BitsAllocated = 8
    data.PixelData = bytes(256)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _sqlite() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table jz (就诊流水号 text)")
    connection.executemany("insert into jz values (?)", [(f"V{n}",) for n in range(500)])
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


JSON_ROW = '{"就诊流水号":"V%s","就诊类型":"门诊","就诊时间":"2026-03-01 08:30:00","姓名":"张三"}\n'


def _json(*lines: str) -> bytes:
    return "".join(lines).encode()


def _xml_rows(body: str, prologue: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{prologue}<表>{body}</表>'.encode()


XML_ROW = (
    "<行><就诊流水号>V%s</就诊流水号><就诊类型>门诊</就诊类型>"
    "<就诊时间>2026-03-01 08:30:00</就诊时间><姓名>张三</姓名></行>"
)
FHIR_PATIENT = '{"resourceType":"Patient","id":"p%s","name":[{"text":"张三"}]}'
FHIR_ENCOUNTER = (
    '{"resourceType":"Encounter","id":"e%s","status":"finished","class":{"code":"VR"},'
    '"subject":{"reference":"Patient/p%s"},"period":{"start":"2026-03-01T08:30:00+08:00"}}'
)


def _aecg(number: int, day: str = "20260301") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3">'
        f'<id root="2.25.{number}" extension="R{number}"/>'
        f'<effectiveTime><center value="{day}083000"/>'
        "</effectiveTime><componentOf><timepointEvent><componentOf><subjectAssignment><subject>"
        '<trialSubject><id root="2.25" extension="P1"/><subjectDemographicPerson><name>张三</name>'
        "</subjectDemographicPerson></trialSubject></subject></subjectAssignment></componentOf>"
        "</timepointEvent></componentOf><component>"
        '<series><code code="RHYTHM"/></series></component></AnnotatedECG>'
    ).encode()


def _bundle(number: int, *more: str) -> bytes:
    resources = (FHIR_PATIENT % number, FHIR_ENCOUNTER % (number, number), *more)
    entries = ",".join(f'{{"resource":{one}}}' for one in resources)
    return f'{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}'.encode()


def _answer(number: int, day: str = "20260301") -> str:
    return (
        f'<MCCI_IN000002UV01 xmlns="urn:hl7-org:v3"><id root="2.25" extension="M{number}"/>'
        f'<creationTime value="{day}083000"/><acknowledgement typeCode="AA"><acknowledgementDetail>'
        '<text value="张三"/></acknowledgementDetail></acknowledgement></MCCI_IN000002UV01>'
    )


def _batch(*messages: str, count: int | None = None, prologue: str = "") -> bytes:
    said = len(messages) if count is None else count
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{prologue}<MCCI_IN200100UV01 '
        f'xmlns="urn:hl7-org:v3"><transmissionQuantity value="{said}"/>{"".join(messages)}'
        "</MCCI_IN200100UV01>"
    ).encode()


GOOD = {
    "hl7v3": lambda: _batch(_answer(9)),
    "fhir": lambda: _bundle(9),
    "ecg": lambda: _aecg(9),
    "jsonlines": lambda: _json(JSON_ROW % 91, JSON_ROW % 92),
    "xml_table": lambda: _xml_rows(XML_ROW % 91 + XML_ROW % 92),
}
"""A whole file for formats whose broken samples are read as visits."""
OPTIONS: dict[str, dict[str, str | int | bool]] = {"xml_table": {"row": "行"}}


SMALL: dict[str, Callable[[], bytes]] = {
    "empty.hl7": lambda: b"",
    "no_msh.hl7": lambda: _hl7().split(b"\r", 1)[1],
    "truncated_frame.hl7": lambda: b"\x0b" + _hl7()[:200],
    "truncated_header.hl7": lambda: b"MSH|^~\\&|HIS|H01|YG",
    "wrong_encoding.hl7": lambda: _hl7().replace("张三".encode(), "张三".encode("gb18030")),
    "unreadable_bytes.hl7": lambda: _hl7().replace("张三".encode(), b"\xff\xfe"),
    "wrong_type.hl7": lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "impossible_date.hl7": lambda: _hl7(start="20260230083000"),
    "unknown_code.hl7": lambda: _hl7(kind="Q"),
    "duplicate_message.hl7": lambda: _hl7() * 2,
    "empty.csv": lambda: b"",
    "wrong_encoding.csv": lambda: _csv(ROW, encoding="utf-16"),
    "wrong_type.csv": lambda: _hl7(),
    "truncated_row.csv": lambda: _csv(ROW, "V2,门诊"),
    "broken_quote.csv": lambda: _csv(ROW, '"V2,门诊,2026-03-02,李四', ROW),
    "missing_column.csv": lambda: "就诊流水号,姓名\r\nV1,张三\r\n".encode(),
    "impossible_date.csv": lambda: _csv("V1,门诊,2026-02-30 08:30:00,张三"),
    "unknown_code.csv": lambda: _csv("V1,家庭病床,2026-03-01 08:30:00,张三"),
    "duplicate_row.csv": lambda: _csv(ROW, ROW),
    "zip_of_zips.zip": lambda: _archive(a_zip=_archive(b_zip=_archive(c_csv=_csv(ROW)))),
    "truncated.xml": lambda: _xml("<title>检验报告</title>")[:-40],
    "entity_bomb.xml": _entity_bomb,
    "external_entity.xml": lambda: _xml(
        "<title>&x;</title>", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n'
    ),
    "wrong_encoding.xml": lambda: (
        _xml("<id extension='D1'/><title>检验报告</title>").decode().encode("gb18030")
    ),
    "wrong_type.xml": lambda: "<通知><标题>停电</标题></通知>".encode(),
    "truncated.dcm": lambda: _dicom()[:-100],
    "garbage.dcm": lambda: b"\0" * 128 + b"DICM" + b"?" * 64,
    "truncated_line.jsonl": lambda: _json(JSON_ROW % 1, JSON_ROW % 2)[:-30],
    "not_a_number.jsonl": lambda: _json(JSON_ROW % 1, '{"就诊流水号":NaN}\n', JSON_ROW % 2),
    "not_an_object.jsonl": lambda: _json(JSON_ROW % 1, "[1]\n", JSON_ROW % 2),
    "half_a_surrogate.jsonl": lambda: _json(JSON_ROW % 1, '{"姓名":"\\ud800"}\n'),
    "impossible_date.jsonl": lambda: _json((JSON_ROW % 1).replace("03-01", "02-30")),
    "unknown_code.jsonl": lambda: _json((JSON_ROW % 1).replace("门诊", "家庭病床")),
    "duplicate_line.jsonl": lambda: _json(JSON_ROW % 1, JSON_ROW % 1),
    "wrong_encoding.jsonl": lambda: _json(JSON_ROW % 1).decode().encode("gb18030"),
    "wrong_encoding_line.jsonl": lambda: (
        _json(JSON_ROW % 1) + (JSON_ROW % 2).encode("gb18030") + _json(JSON_ROW % 3)
    ),
    "nested_too_deep.jsonl": lambda: b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "truncated_array.jsonl": lambda: b"[" + _json(JSON_ROW % 1).strip() + b",",
    "truncated_bundle.json": lambda: _bundle(1)[:-40],
    "wrong_encoding_bundle.json": lambda: _bundle(1).decode().encode("gb18030"),
    "impossible_date_bundle.json": lambda: _bundle(1).replace(b"03-01T", b"02-30T"),
    "unknown_code_bundle.json": lambda: _bundle(1).replace(b'"VR"', b'"QQ"'),
    "duplicate_bundle.json": lambda: _bundle(1) + b"\n" + _bundle(1),
    "nameless_resource.json": lambda: _bundle(1, '{"id":"x"}'),
    "truncated_aecg.xml": lambda: _aecg(1)[:-30],
    "wrong_encoding_aecg.xml": lambda: _aecg(1).decode().encode("gb18030"),
    "impossible_date_aecg.xml": lambda: _aecg(1, "20260230"),
    "no_series_aecg.xml": lambda: _aecg(1).replace(b"series", b"serie"),
    "image_for_ecg.dcm": _dicom,
    "truncated_rows.xml": lambda: _xml_rows((XML_ROW % 1) * 2)[:-20],
    "entity_bomb_rows.xml": lambda: _xml_rows(
        "<行>&b;</行>", '<!DOCTYPE a [<!ENTITY a "张三"><!ENTITY b "&a;&a;&a;&a;">]>\n'
    ),
    "wrong_encoding_rows.xml": lambda: _xml_rows(XML_ROW % 1).decode().encode("gb18030"),
    "no_rows.xml": lambda: _xml_rows("<记录/>"),
    "wrong_type.jsonl": lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "empty.jsonl": lambda: b"\xef\xbb\xbf\r\n",
    "impossible_date_rows.xml": lambda: _xml_rows((XML_ROW % 1).replace("03-01", "02-30")),
    "duplicate_rows.xml": lambda: _xml_rows((XML_ROW % 1) * 2),
    "wrong_type_rows.xml": lambda: _csv(ROW, encoding="utf-16"),
    "truncated_service.xml": lambda: _batch(_answer(1))[:-30],
    "truncated_batch.xml": lambda: _batch(_answer(1), count=3),
    "external_entity_service.xml": lambda: _batch(
        _answer(1), prologue='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n'
    ),
    "wrong_encoding_service.xml": lambda: _batch(_answer(1)).decode().encode("gb18030"),
    "wrong_type_service.xml": lambda: "<通知><标题>停电</标题></通知>".encode(),
    "nameless_service.xml": lambda: b'<MCCI_IN000002UV01 xmlns="urn:hl7-org:v3"/>',
    "impossible_date_service.xml": lambda: _batch(_answer(1, "20260230")),
    "duplicate_service.xml": lambda: _batch(_answer(1), _answer(1)),
    "garbage.sqlite": lambda: b"SQLite format 3\0" + b"?" * 500,
    "truncated.sqlite": lambda: _sqlite()[:5000],
}


def _long_line_csv() -> bytes:
    return HEADER.encode() + b"\r\n" + b"9" * (100 * MEBIBYTE)


def _long_line_hl7() -> bytes:
    return _hl7() + b"OBX|1|ED|x||" + b"A" * (100 * MEBIBYTE)


def _long_line_json() -> bytes:
    return _json(JSON_ROW % 1) + b'{"a":"' + b"9" * (100 * MEBIBYTE) + b'"}\n' + _json(JSON_ROW % 2)


def _zip_bomb() -> bytes:
    return _archive(a_csv=b"0" * (200 * MEBIBYTE))


BIG: dict[str, Callable[[], bytes]] = {
    "long_line.csv": _long_line_csv,
    "long_line.hl7": _long_line_hl7,
    "long_line.jsonl": _long_line_json,
    "zip_bomb.zip": _zip_bomb,
}


def content(name: str) -> bytes:
    """Bytes of a sample, from the folder or made now."""
    return BIG[name]() if name in BIG else (FOLDER / name).read_bytes()


if __name__ == "__main__":
    for sample, make in SMALL.items():
        (FOLDER / sample).write_bytes(make())
