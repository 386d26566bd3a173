"""The right version of a row, from files in the inbox to the libraries: every sentence a rule.

One lake of the second county, with a hospital that speaks HL7 v2 and V3, a cloud clinic that tells
of the same visits, and FHIR. It takes what comes first and is built; then it takes what comes
later, and the facts, kept by key, must say what facts built anew say.
"""

import json
import shutil
from datetime import datetime
from typing import Any

import duckdb
import pytest
import yaml

from ingestion.site import Site
from tests.end_to_end.conftest import PROJECT, Yigong
from tests.end_to_end.test_daily_deltas import facts

TINY = Site.open(PROJECT / "tests" / "sites" / "tiny")
HOSPITAL = "QH-H1"
COMMON = {"member": HOSPITAL, "owner": "测试", "arrives": {"every": "day"}, "encoding": "utf-8"}
FEEDS: dict[str, dict[str, Any]] = {
    "hospital__his__adt": {"format": "hl7v2", "profile": "adt", "label_zh": "医院ADT"},
    "hospital__esb__services": {"format": "hl7v3", "profile": "services", "label_zh": "医院平台"},
    "hospital__online__bundles": {"format": "fhir", "profile": "core", "label_zh": "互联网医院"},
    "hospital__office__beds": {
        "format": "tabular",
        "label_zh": "床位全量",
        "entity": "bed",
        "holds": {"file": "snapshot", "scope": ["organization"]},
        "fields": {"bed_id": {"from": "床号"}, "opened_date": {"from": "启用"}},
    },
    "hospital__cloud__visits": {
        "format": "tabular",
        "label_zh": "云诊所",
        "entity": "encounter",
        "leads": ["total_fee_yuan"],
        "fields": {
            "encounter_id": {"from": "流水"},
            "organization_id": {"from": "机构"},
            "encounter_class_code": {"from": "类"},
            "started_at": {"from": "时刻"},
            "total_fee_yuan": {"from": "金额"},
        },
        "person": {"local_id": {"from": "档案"}, "person_name": {"from": "姓名"}},
    },
}
FOLDER = {feed: feed.split("__", 1)[1] for feed in FEEDS}
Row = tuple[object, ...]


class Messages:
    """HL7 v2 ADT as the test's hospital writes it; control numbers and minutes go up."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: str, visit: str, *more: str, **fields: str) -> str:
        """`fields` are `PV1_45="..."`; `more` are further segments."""
        self.count += 1
        moment = f"202603{10 + self.count // 60:02}10{self.count % 60:02}00"
        person = fields.pop("person", f"P{visit}")
        pv1 = [""] * 50
        pv1[2], pv1[19] = "I", visit
        for name, value in fields.items():
            pv1[int(name[4:])] = value
        segments = [
            f"MSH|^~\\&|HIS|{HOSPITAL}|||{moment}||ADT^{event}|{self.count:06}|P|2.4",
            f"EVN|{event}|{moment}",
            f"PID|1||{person}^^^H^MR||测试{person}||19600101|M",
            *(["PV1" + "|".join(pv1)] if visit else []),
            *more,
        ]
        return "\r".join(segments) + "\r"


ADT = Messages()
ADMITTED = {"PV1_44": "20260301080000", "PV1_10": "TCM", "PV1_3": "W1^^B1"}


def first_messages() -> str:
    """Twelve stays, each told in another way."""
    out = [ADT("A01", f"S{n}", **ADMITTED) for n in range(1, 9)]
    left = {"PV1_45": "20260305090000", "PV1_36": "1", "PV1_47": "1200.00"}
    out += [ADT("A03", f"S{n}", **left) for n in range(1, 6)]
    out.append(ADT("A08", "S1", PV1_7="D9"))  # an update that says nothing of the discharge
    out.append(ADT("A13", "S2", PV1_45="20260305090000"))  # the discharge is taken back
    out.append(ADT("A08", "S3", PV1_47='""'))  # the fee is deleted
    out.append(ADT("A02", "S6", PV1_3="W2^^B7"))
    out.append(ADT("A12", "S6", PV1_3="W1^^B1"))  # back in the bed before the transfer
    out.append(ADT("A11", "S7"))
    out.append(ADT("A08", "S7", PV1_7="D9"))  # an update does not bring back what was cancelled
    out.append(ADT("A40", "", "MRG|PS9^^^H^MR", person="PS8"))
    out.append(ADT("A31", "", person="PS1"))
    return "".join(out)


def service(event: str, visit: str, moment: str, status: str = "active") -> str:
    root = "2.16.156.10011"
    return (
        f'<PRPA_{event} xmlns="urn:hl7-org:v3"><id root="1" extension="{visit}-{moment}"/>'
        f'<creationTime value="{moment}"/><controlActProcess><subject><encounterEvent><id>'
        f'<item root="{root}.2.5.1.9" extension="{visit}"/></id><code code="3"/>'
        f'<statusCode code="{status}"/><effectiveTime><low value="20260301080000"/>'
        f'</effectiveTime><subject><patient><id><item root="{root}.0.2.2" extension="P{visit}"/>'
        "</id></patient></subject></encounterEvent></subject></controlActProcess>"
        f"</PRPA_{event}>"
    )


def resource(kind: str, number: str, **more: Any) -> dict[str, Any]:
    return {
        "resource": {
            "resourceType": kind,
            "id": number,
            "meta": {"lastUpdated": "2026-03-10T10:00:00+08:00"},
            "subject": {"reference": "Patient/f1"},
            **more,
        }
    }


def bundle(*entries: dict[str, Any]) -> str:
    patient = {"resource": {"resourceType": "Patient", "id": "f1", "birthDate": "1960-01-01"}}
    return json.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": [patient, *entries]}
    )


def condition(number: str, **more: Any) -> dict[str, Any]:
    code = {"coding": [{"code": "J00.x00"}], "text": "感冒"}
    visit = {"identifier": {"value": "E1"}}
    return resource(
        "Condition", number, code=code, encounter=visit, recordedDate="2026-03-10", **more
    )


def order(number: str, **more: Any) -> dict[str, Any]:
    stated = {"status": "active", "intent": "order", "authoredOn": "2026-03-10T10:00:00+08:00"}
    drug = {"medicationCodeableConcept": {"text": "布洛芬"}}
    return resource("MedicationRequest", number, **drug, **(stated | more))


def first_bundle() -> str:
    void = {"coding": [{"code": "entered-in-error"}]}
    refuted = {"coding": [{"code": "refuted"}]}
    return bundle(
        condition("c1"),
        condition("c2", verificationStatus=void),
        condition("c3", verificationStatus=refuted),
        order("m1"),
        order("m2", status="entered-in-error"),
        order("m3", doNotPerform=True),
        order("m4", intent="proposal"),
    )


def visits(*rows: tuple[str, str, str, str, str]) -> str:
    """Number, organization, moment, fee and the person's number."""
    lines = [f"{n},{o},1,{at},{fee},{who},测试{who}" for n, o, at, fee, who in rows]
    return "\n".join(["流水,机构,类,时刻,金额,档案,姓名", *lines]) + "\n"


FIRST = {
    "hospital__his__adt/a_20260310.hl7": first_messages(),
    # V3 tells of the same stays later, without fee and Chinese medicine; one it cancels.
    "hospital__esb__services/a.xml": "<MCCI_IN200100UV01>"
    + service("IN400001UV", "S4", "20260420100000")
    + service("IN400003UV", "S8", "20260420110000", "cancelled")
    + "</MCCI_IN200100UV01>",
    "hospital__online__bundles/a.json": first_bundle(),
    "hospital__office__beds/a.csv": "床号,启用\nB1,2020-01-01\nB2,2020-01-01\nB7,2020-01-01\n",
    # Ten visits that the hospital's own system tells of as well, under numbers of its own.
    "hospital__cloud__visits/a.csv": visits(
        *((f"C{n}", HOSPITAL, f"2026-03-02 09:{n:02}:30", "60", f"PV{n}") for n in range(10)),
        ("M1", "QH-T1", "2026-03-03 09:00:00", "20", "X1"),
        ("M2", "QH-T1", "2026-03-03 10:00:00", "20", "X2"),
    ),
    "hospital__his__adt/b_20260311.hl7": "".join(
        ADT("A04", f"V{n}", PV1_2="O", PV1_44=f"2026030209{n:02}00", PV1_47="50", person=f"PV{n}")
        for n in range(10)
    ),
}
LATER = {
    "hospital__his__adt/c_20260312.hl7": ADT("A13", "S5") + ADT("A03", "S6", PV1_45="20260306"),
    "hospital__office__beds/b.csv": "床号,启用\nB1,2020-01-01\nB7,2020-01-01\n",
    "hospital__online__bundles/b.json": bundle(
        condition("c1", verificationStatus={"coding": [{"code": "entered-in-error"}]})
    ),
    # A visit moved from one room to another, under its number.
    "hospital__cloud__visits/b.csv": visits(("M1", "QH-T2", "2026-03-03 09:00:00", "20", "X1")),
}


def put(lake: Yigong, files: dict[str, str]) -> None:
    for name, text in files.items():
        feed, _, file = name.partition("/")
        path = lake.home / "inbox" / FOLDER[feed] / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    lake("ingest")
    lake("build")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Yigong:
    home = tmp_path_factory.mktemp("lake")
    shutil.copytree(TINY.folder, home / "county")
    for feed, body in FEEDS.items():
        contract = {"feed": feed, **COMMON, **body}
        contract["location"] = {"kind": "directory", "pattern": f"{FOLDER[feed]}/*"}
        path = home / "county" / "contracts" / "hospital" / f"{FOLDER[feed]}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(contract, allow_unicode=True), "utf-8")
    command = Yigong(home, home / "county")
    registry = TINY.contracts["bureau__registry__organizations"]
    (sample,) = TINY.samples(registry.feed)
    target = home / "inbox" / registry.location.pattern.replace("*", "a")
    target.parent.mkdir(parents=True)
    shutil.copy(sample, target)
    put(command, FIRST)
    return command


def ask(lake: Yigong, sql: str) -> list[Row]:
    with duckdb.connect(str(lake.home / "county.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'Asia/Shanghai'")
        return connection.execute(sql).fetchall()


def stay(lake: Yigong, number: str, columns: str) -> Row:
    (row,) = ask(lake, f"select {columns} from encounter where encounter_id = '{number}'")
    return row


def test_an_update_without_discharge_time_does_not_reopen_the_stay(lake: Yigong) -> None:
    at, mode, fee, staff = stay(
        lake, "S1", "ended_at, discharge_mode_code, total_fee_yuan, staff_id"
    )
    assert isinstance(at, datetime) and f"{at:%Y-%m-%d %H}" == "2026-03-05 09"
    assert (mode, float(str(fee)), staff) == ("1", 1200.0, "D9")


def test_a_cancelled_discharge_reopens_it(lake: Yigong) -> None:
    assert stay(lake, "S2", "ended_at, discharge_mode_code, is_tcm") == (None, None, True)


def test_two_quotation_marks_delete_and_nothing_else_is_touched(lake: Yigong) -> None:
    fee, ended = stay(lake, "S3", "total_fee_yuan, ended_at")
    assert fee is None and ended is not None


def test_a_cancelled_transfer_brings_the_bed_back(lake: Yigong) -> None:
    assert stay(lake, "S6", "bed_id, department_code") == ("B1", "W1")


def test_what_was_cancelled_stays_so_after_an_update(lake: Yigong) -> None:
    assert stay(lake, "S7", "is_cancelled") == (True,)


def test_a_later_v3_message_wipes_nothing_and_may_cancel(lake: Yigong) -> None:
    fee, is_tcm, ended = stay(lake, "S4", "total_fee_yuan, is_tcm, ended_at")
    assert (float(str(fee)), is_tcm) == (1200.0, True) and ended is not None
    assert stay(lake, "S8", "is_cancelled, is_tcm") == (True, True)


def test_a_merge_of_patients_is_booked_for_identity(lake: Yigong) -> None:
    silver = f"read_parquet('{lake.home}/silver/%s/*/hospital__his__adt*.parquet')"
    ((kept, gone),) = ask(
        lake,
        "select source_person_id, prior_source_person_id from " + silver % "person_merge",
    )
    known = {
        key for (key,) in ask(lake, "select source_person_id from " + silver % "source_person")
    }
    assert kept in known and gone not in known and kept != gone
    ((event,),) = [ask(lake, "select event_code from " + silver % "person_index_message")]
    assert event == ("2",)
    assert "not_taken" not in lake("quarantine", "list", "--json")


def test_what_fhir_calls_void_refuted_or_not_to_be_done_is_no_fact(lake: Yigong) -> None:
    assert ask(lake, "select document_id from diagnosis where feed like '%online%'") in (
        [("c1",)],
        [],  # once c1 has been taken back
    )
    found = ask(lake, "select prescription_id from prescription where feed like '%online%'")
    assert found == [("m1",)]
    silver = f"read_parquet('{lake.home}/silver/diagnosis/*/hospital__online*.parquet')"
    assert ask(lake, f"select count(*) from {silver}")[0][0] >= 3, "nothing is lost"


def test_ten_visits_from_two_feeds_are_ten_with_a_warning(lake: Yigong) -> None:
    rows = ask(
        lake,
        f"""select encounter_id, total_fee_yuan from encounter
        where organization_id = '{HOSPITAL}' and encounter_class_code = '1'""",
    )
    assert len(rows) == 10
    assert {float(str(fee)) for _, fee in rows} == {60.0}, "the cloud leads for fees"
    told = ask(lake, "select rule, feed, count(*) from encounter_match group by all order by all")
    assert ("same_time", "hospital__his__adt", 10) in told
    assert ("kept", "hospital__cloud__visits", 10) in told
    assert ask(
        lake,
        """select distinct value_text, kept_value_text from encounter_conflict
        where column_name = 'total_fee_yuan'""",
    ) == [("50.00", "60.00")]
    lake("publish")
    report = json.loads(lake("duplicates", "--json"))
    assert {(row["rule"], row["encounters"]) for row in report["matches"]} >= {("same_time", 10)}
    assert any(row["column"] == "total_fee_yuan" for row in report["conflicts"])


def test_what_comes_later_reaches_facts_by_key(lake: Yigong) -> None:
    put(lake, LATER)
    assert stay(lake, "S5", "ended_at") == (None,)
    assert stay(lake, "S6", "ended_at")[0] is not None
    assert ask(lake, "select count(*) from diagnosis where feed like '%online%'") == [(0,)]
    assert ask(lake, "select organization_id from encounter where encounter_id = 'M1'") == [
        ("QH-T2",)
    ]
    assert ask(lake, "select bed_id from bed order by 1") == [("B1",), ("B7",)]
    by_key = {**facts(lake.home), "encounter": ask(lake, "select * from encounter order by all")}
    lake("build", "--anew")
    anew = {**facts(lake.home), "encounter": ask(lake, "select * from encounter order by all")}
    for name, rows in anew.items():
        assert by_key[name] == rows, name


def test_a_snapshot_is_shown_and_can_be_taken_back(lake: Yigong) -> None:
    (row,) = json.loads(lake("snapshots", "--json"))
    assert (row["feed"], row["entity"], row["rows"]) == ("hospital__office__beds", "bed", 1)
    lake("withdraw", row["feed"], row["batch_id"])
    assert json.loads(lake("snapshots", "--json")) == []


def test_a_lake_rebuilt_from_bronze_says_the_same(lake: Yigong) -> None:
    before = ask(lake, "select * exclude (received_at) from encounter order by all")
    lake("rebuild", "--from-bronze")
    assert ask(lake, "select * exclude (received_at) from encounter order by all") == before
    assert len(ask(lake, "select bed_id from bed")) == 3, "the second extract stays withdrawn"
