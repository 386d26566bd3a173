"""Rules of the message kinds beyond ADT and ORU, by their default mappings. All people invented."""

from pathlib import Path

import pytest

from ingestion.contract import profile
from ingestion.formats.hl7_conformance import structure_defect
from ingestion.formats.hl7v2 import read
from ingestion.formats.source import SourceFile

SAMPLES = Path(__file__).parents[3] / "sites" / "demo" / "samples"
HEAD = "MSH|^~\\&|HIS|H01|YG|YQ|20260301083000||{kind}|M1|P|2.4||||||UNICODE UTF-8"
PID = "PID|1||0001^^^H01^MR||张三||19800101|M"
PV1 = "PV1|1|I|0301||||D7||||||||||||Z1"


def message(kind: str, *segments: str) -> str:
    return "\r".join([HEAD.format(kind=kind), *segments]) + "\r"


def values(name: str, entity: str, text: str, *columns: str) -> list[tuple[str | None, ...]]:
    """What the first filled source of each column gives, row by row."""
    mapping = profile("hl7v2", name)
    table = read([SourceFile("f.hl7", text.encode())], mapping).tables[entity]
    fields = mapping.records[entity].fields
    return [
        tuple(next((row[s] for s in fields[c].sources if row[s]), None) for c in columns)
        for row in table.iter_rows(named=True)
    ]


def test_each_drug_order_has_the_timing_before_it_and_the_route_after_it() -> None:
    text = message(
        "RDE^O11", PID, PV1,
        "ORC|NW|Y1|||||^QD^INDEF^20260301083800", "RXE||A^甲|5||mg||||||||||Y1", "RXR|IV^静脉滴注",
        "ORC|NW|Y2|||||^BID^X1^20260301084000", "RXE||B^乙|1||片||||||||||Y2",
        "ORC|CA|Y3|||||^TID^X1^20260301085000", "RXE||C^丙|2||片||||||||||Y3", "RXR|PO^口服",
    )  # fmt: skip
    columns = ("order_id", "drug_code", "frequency_text", "duration_code", "route_name")
    assert values("rde", "medication_order", text, *columns, "is_cancelled") == [
        ("Y1", "A", "QD", "INDEF", "静脉滴注", "NW"),
        ("Y2", "B", "BID", "X1", None, "NW"),
        ("Y3", "C", "TID", "X1", "口服", "CA"),
    ]


def test_each_charge_is_a_row_with_its_amount_without_the_currency() -> None:
    text = message(
        "DFT^P03", "EVN|P03|20260301", PID, PV1,
        "FT1|1|F1||20260301|20260301|CG|I1^床位费^L^01|||2|70.00&CNY|35.00&CNY",
        "FT1|2|F2||20260301|20260301|CR|I2^护理费^L^07|||-1|-18.00|18.00",
    )  # fmt: skip
    columns = ("charge_id", "encounter_id", "charge_type_code", "amount_yuan", "is_refund")
    assert values("dft", "charge_item", text, *columns) == [
        ("F1", "Z1", "01", "70.00", "CG"),
        ("F2", "Z1", "07", "-18.00", "CR"),
    ]


def test_a_booking_is_read_although_its_patient_comes_after_it() -> None:
    head = "SCH|B1|B1||||BOOKING||NORMAL|30|min|^^30^20260302090000^20260302093000"
    text = message("SIU^S15", head, "NTE|1||20260301080000", PID, "RGS|1", "AIG|1||D7")
    columns = ("booking_id", "appointment_at", "booked_at", "status_code", "staff_id")
    assert values("siu", "booking", text, *columns) == [
        ("B1", "20260302090000", "20260301080000", "S15", "D7")
    ]


def test_laboratory_and_imaging_requests_part_by_message_kind() -> None:
    order = ("ORC|NW|R1|||IP||^^^^^S", "OBR|1|R1||L001^血常规||20260301083000")
    laboratory = message("OML^O21", PID, PV1, *order, "SPM|1|S1||BLD^全血")
    imaging = message(
        "ORM^O01", PID, PV1, "ORC|NW|R2", "OBR|1|R2||E2^CT||20260301" + "|" * 18 + "CT"
    )
    both = laboratory + imaging
    assert values(
        "order", "laboratory_request", both, "request_id", "specimen_type_code", "priority_code"
    ) == [("R1", "BLD", "S")]
    assert values("order", "examination_request", both, "request_id", "modality") == [("R2", "CT")]


def test_a_document_notice_names_type_and_number() -> None:
    text = message(
        "MDM^T02", PID, PV1, "TXA|1|C0038|TX|||20260301||||||D1", "OBX|1|TX|x^日常病程||y"
    )
    columns = ("document_id", "document_type_code", "title")
    assert values("mdm", "clinical_document", text, *columns) == [("D1", "C0038", "日常病程")]


@pytest.mark.parametrize("feed", [
    "county_hospital__his__orders", "county_hospital__his__charges", "tcm_hospital__his__charges",
    "county_hospital__his__schedule", "county_hospital__emr__messages",
])  # fmt: skip
def test_the_county_writes_messages_that_hl7apy_accepts(feed: str) -> None:
    encoding = "gb18030" if feed.startswith("tcm") else "utf-8"
    text = (SAMPLES / f"{feed}.hl7").read_bytes().decode(encoding)
    messages = ["MSH" + part for part in text.split("MSH")[1:]]
    assert messages
    assert [structure_defect(one) for one in messages[:3]] == [None] * len(messages[:3])


def test_each_dose_has_its_own_number_lot_and_route() -> None:
    text = message(
        "VXU^V04^VXU_V04", PID,
        "ORC|RE||V1^IIS||||||20260301", "RXA|0|1|20260301|20260301|0203^乙肝^NIP|0.5|mL||00"
        "|D1|||||L01|20280101|甲厂|||CP|A", "RXR|IM^Intramuscular|LT^左大腿",
        "ORC|RE|V2", "RXA|0|2|20260301||1201^麻腮风^NIP|0.5|mL||01||||||L02||M^乙厂^MVX|||RE|D",
    )  # fmt: skip
    columns = ("vaccination_id", "vaccine_code", "dose_number", "lot_number", "manufacturer_name")
    assert values("vxu", "vaccination", text, *columns, "route_code", "status_code") == [
        ("V1", "0203", "1", "L01", "甲厂", "IM", "CP"),
        ("V2", "1201", "2", "L02", "乙厂", None, "RE"),
    ]
