"""Rows of a county small enough to count by hand, each edge of a measure once.

Belongs here: rows, feeds and one extra indicator. Not here: what must come out (`test_*.py`).
All people are invented.
"""

import datetime as dt
from typing import Any

from ingestion.contract import Contract
from standards.catalogue import IndicatorSystem
from tests.unit.marts.small_lake import Rows, at

COUNTY, GROUP, HOSPITAL = "653999", "653999C01", "653999H01"
TOWNSHIP, OTHER_TOWNSHIP, VILLAGE = "653999T01", "653999T02", "653999V01"
BUREAU = "653999B01"
STRANGER = "999H01"  # has a contract and is not in the register

FEEDS: dict[str, tuple[str, str]] = {
    "hospital__his__visits": (HOSPITAL, "encounter"),
    "township__his__visits": (TOWNSHIP, "encounter"),
    "other_township__his__visits": (OTHER_TOWNSHIP, "encounter"),
    "hospital__his__front_pages": (HOSPITAL, "front_page"),
    "township__ph__hypertension": (TOWNSHIP, "hypertension_visit"),
    "township__ph__diabetes": (TOWNSHIP, "diabetes_visit"),
    "township__ph__register": (TOWNSHIP, "chronic_registration"),
    "township__ph__examinations": (TOWNSHIP, "physical_examination"),
    "bureau__registry__deaths": (BUREAU, "death"),
    "bureau__settlement__settlements": (BUREAU, "insurance_settlement"),
    "bureau__registry__beds": (BUREAU, "bed"),
    "bureau__registry__organizations": (BUREAU, "organization"),
    "stranger__pharmacy__recalls": (STRANGER, "drug_recall"),
}

_DAYS = {
    "name_zh": "次均住院床日",
    "name_en": "Occupied days an admission",
    "formula_zh": "占用床日 ÷ 入院人次",
    "numerator": "occupied_bed_days",
    "denominator": "admissions",
    "unit": "day",
    "direction": "monitor",
    "applies_to": ["hospital"],
    "frequency": "monthly",
    "source": "invented for this test",
    "confidence": "from_memory",
    "definition_version": 1,
    "valid_from": "2026-02-01",
    "min_denominator": 2,
}
EXTRA = IndicatorSystem.model_validate(
    {
        "system": "extra",
        "name_zh": "测试",
        "indicators": [
            {"id": "TEST-01", "requires": ["encounter"], **_DAYS},
            {"id": "TEST-02", "requires": ["drug_recall"], **_DAYS},
        ],
    }
)
"""More indicators on measures that exist: an entry, no SQL."""


def contracts() -> dict[str, Contract]:
    """One feed an entity and member, with the least a contract may say."""
    return {
        feed: Contract.model_validate(
            {
                "feed": feed,
                "label_zh": feed,
                "member": member,
                "owner": "test",
                "format": "tabular",
                "location": {"kind": "directory", "pattern": f"{feed}/*.csv"},
                "arrives": {"every": "month"},
                "entity": entity,
                "fields": {},
            }
        )
        for feed, (member, entity) in FEEDS.items()
    }


def visit(organization: str, number: str, started: str, **more: Any) -> dict[str, Any]:
    """An outpatient visit with a fee of 100 yuan, unless said otherwise."""
    feed = next(f for f, (m, e) in FEEDS.items() if m == organization and e == "encounter")
    return {
        "feed": feed,
        "organization_id": organization,
        "encounter_id": number,
        "encounter_class_code": "1",
        "started_at": at(started),
        "total_fee_yuan": 100,
        "source_person_id": "a",
    } | more


def stay(organization: str, number: str, started: str, ended: str | None, **more: Any) -> Any:
    return visit(
        organization,
        number,
        started,
        encounter_class_code="3",
        ended_at=at(ended) if ended else None,
        **more,
    )


def organization(
    code: str, level: str, parent: str | None, primary: bool, since: str = "2020-01-01"
) -> dict[str, Any]:
    return {
        "feed": "bureau__registry__organizations",
        "organization_id": code,
        "organization_name": code,
        "organization_level": level,
        "parent_organization_id": parent,
        "is_primary_care": primary,
        "valid_from": dt.date.fromisoformat(since),
    }


def pressure(person: str, number: str, day: str, high: int | None, low: int | None) -> Any:
    return {
        "feed": "township__ph__hypertension",
        "organization_id": TOWNSHIP,
        "visit_id": number,
        "visited_date": dt.date.fromisoformat(day),
        "visit_mode_code": "1",
        "systolic_mmhg": high,
        "diastolic_mmhg": low,
        "source_person_id": person,
    }


def glucose(person: str, number: str, day: str, value: float, mode: str = "1") -> dict[str, Any]:
    return {
        "feed": "township__ph__diabetes",
        "organization_id": TOWNSHIP,
        "visit_id": number,
        "visited_date": dt.date.fromisoformat(day),
        "visit_mode_code": mode,
        "fasting_glucose_mmol_per_l": value,
        "source_person_id": person,
    }


def registered(person: str, disease: str, day: str = "2024-05-01", **more: Any) -> dict[str, Any]:
    """On the township's register: 1 hypertension, 2 diabetes."""
    return {
        "feed": "township__ph__register",
        "organization_id": TOWNSHIP,
        "registration_id": f"{disease}-{person}-{day}",
        "disease_code": disease,
        "registered_date": dt.date.fromisoformat(day),
        "source_person_id": person,
    } | more


def settlement(number: str, area: str, **more: Any) -> dict[str, Any]:
    return {
        "feed": "bureau__settlement__settlements",
        "organization_id": BUREAU,
        "settlement_id": number,
        "hospital_code": "H",
        "service_class_code": "21",
        "insured_area_code": COUNTY,
        "treatment_area_code": area,
        "discharged_at": at("2026-01-20 10:00"),
        "settled_at": at("2026-01-20 11:00"),
        "source_person_id": "a",
    } | more


_FEBRUARY = {"discharged_at": at("2026-02-20 10:00"), "settled_at": at("2026-02-20 11:00")}


def rows() -> Rows:
    return {
        "organization": [
            organization(COUNTY, "county", None, False),
            organization(GROUP, "consortium", COUNTY, False),
            organization(HOSPITAL, "hospital", GROUP, False),
            organization(TOWNSHIP, "township", GROUP, True),
            organization(OTHER_TOWNSHIP, "township", GROUP, True),
            organization(VILLAGE, "village", TOWNSHIP, True),
            organization(BUREAU, "bureau", COUNTY, False),
        ],
        "source_person": [
            {"source_person_id": "a", "birth_date": dt.date(1990, 1, 1), "feed": "x"},
            {"source_person_id": "old", "birth_date": dt.date(1961, 3, 10), "feed": "x"},
            {"source_person_id": "young", "birth_date": dt.date(1961, 3, 11), "feed": "x"},
            {"source_person_id": "blank", "birth_date": dt.date(1950, 1, 1), "feed": "x"},
            *(
                {"source_person_id": name, "birth_date": dt.date(1955, 1, 1), "feed": "x"}
                for name in ("lost", "gone", "dead", "new")
            ),
        ],
        "encounter": [
            visit(HOSPITAL, "v1", "2026-01-31 23:30", is_tcm=True),
            visit(HOSPITAL, "v2", "2026-01-05 09:00", total_fee_yuan=50),
            visit(HOSPITAL, "v3", "2026-01-06 09:00", recorded_at=at("2026-01-06 10:00")),
            # v3 is cancelled by a later version that arrives first.
            visit(
                HOSPITAL,
                "v3",
                "2026-01-06 09:00",
                recorded_at=at("2026-01-06 12:00"),
                is_cancelled=True,
                received_at=at("2026-06-01 06:00"),
            ),
            visit(HOSPITAL, "v4", "2026-02-01 00:10", total_fee_yuan=None),
            visit(HOSPITAL, "v5", "2026-03-01 09:00"),
            # Over midnight: one day occupied, one discharge bed day.
            stay(HOSPITAL, "s1", "2026-01-10 23:50", "2026-01-11 00:10"),
            # Same day: one bed day, of use and of discharge.
            stay(HOSPITAL, "s2", "2026-01-12 08:00", "2026-01-12 18:00"),
            # Over a month end: 30 and 31 January, 1 February; discharged in February after 3 days.
            stay(HOSPITAL, "s3", "2026-01-30 08:00", "2026-02-02 08:00"),
            # Open: 27 and 28 February, March up to the 10th (the last day with rows).
            stay(HOSPITAL, "s4", "2026-02-27 08:00", None),
            stay(HOSPITAL, "s5", "2026-01-01 08:00", "2026-01-09 08:00", is_cancelled=True),
            visit(TOWNSHIP, "v1", "2026-01-05 09:00"),
            visit(TOWNSHIP, "v2", "2026-02-05 09:00"),
            visit(TOWNSHIP, "v3", "2026-03-05 09:00"),
            visit(TOWNSHIP, "v4", "2026-01-07 09:00", organization_id=VILLAGE),
            # The other township sends nothing for February.
            visit(OTHER_TOWNSHIP, "v1", "2026-01-05 09:00"),
            visit(OTHER_TOWNSHIP, "v2", "2026-03-05 09:00"),
        ],
        "bed": [
            # Open from 21 January: 11 + 28 + 10 days.
            {
                "feed": "bureau__registry__beds",
                "organization_id": HOSPITAL,
                "bed_id": "1",
                "opened_date": dt.date(2026, 1, 21),
            },
            # Closed on 11 January: 10 days.
            {
                "feed": "bureau__registry__beds",
                "organization_id": HOSPITAL,
                "bed_id": "2",
                "opened_date": dt.date(2025, 1, 1),
                "closed_date": dt.date(2026, 1, 11),
            },
        ],
        "insurance_settlement": [
            settlement("i1", COUNTY),
            settlement("i2", "650100"),
            settlement("i3", COUNTY),
            settlement("i3", COUNTY, is_reversed=True, settled_at=at("2026-01-25 11:00")),
            settlement("i4", COUNTY, insured_area_code="650100"),
            settlement("i5", COUNTY, service_class_code="11"),
            # Referred out, maternity and emergency are stays; birth control is not.
            settlement("i6", "650100", service_class_code="23", **_FEBRUARY),
            settlement("i7", COUNTY, service_class_code="52", **_FEBRUARY),
            settlement("i8", COUNTY, service_class_code="24", **_FEBRUARY),
            settlement("i9", COUNTY, service_class_code="53", **_FEBRUARY),
            # Settled twice is one stay; the second settlement reversed leaves the first.
            settlement("i10", COUNTY, admitted_at=at("2026-02-03 09:00"), **_FEBRUARY),
            settlement("i11", COUNTY, admitted_at=at("2026-02-03 09:00"), **_FEBRUARY),
            settlement("i12", "650100", admitted_at=at("2026-02-07 09:00"), **_FEBRUARY),
            settlement("i13", "650100", admitted_at=at("2026-02-07 09:00"), **_FEBRUARY),
            settlement(
                "i13", "650100", admitted_at=at("2026-02-07 09:00"), is_reversed=True, **_FEBRUARY
            ),
        ],
        "chronic_registration": [
            *(registered(person, "1") for person in ("old", "young", "blank", "a")),
            *(registered(person, "2") for person in ("a", "old", "young")),
            # Nobody visits this one: in management all the same, and not controlled.
            registered("lost", "1"),
            # Out from their date: struck off on 10 February; dead on 3 March, the register open.
            registered("gone", "1", closed_date=dt.date(2026, 2, 10), close_reason_code="3"),
            registered("dead", "1"),
            # In from the date of registration; entered twice, one patient.
            registered("new", "1", "2026-02-20"),
            registered("new", "1", "2026-03-20"),
        ],
        "physical_examination": [
            {
                "feed": "township__ph__examinations",
                "organization_id": TOWNSHIP,
                "examination_id": f"e{month}",
                "examination_kind_code": "1",
                "examined_date": dt.date(2026, month, 10),
                "source_person_id": "old",
            }
            for month in (1, 2, 3)
        ],
        "death": [
            {
                "feed": "bureau__registry__deaths",
                "organization_id": BUREAU,
                "death_certificate_id": "dc1",
                "died_at": at("2026-03-03 04:00"),
                "source_person_id": "dead",
            },
        ],
        "hypertension_visit": [
            # 65 on the visit day: 145 is controlled. One day short of 65: it is not.
            pressure("old", "h1", "2026-03-10", 145, 85),
            pressure("young", "h2", "2026-03-10", 145, 85),
            # The latest visit has no pressure: not controlled, though an earlier one was.
            pressure("blank", "h3", "2026-01-05", 120, 70),
            pressure("blank", "h4", "2026-02-05", None, None),
            # Same day twice: the larger visit_id is the latest.
            pressure("a", "h5", "2026-01-05", 170, 70),
            pressure("a", "h6", "2026-01-05", 120, 70),
            # Last year's visit manages nobody this year.
            pressure("a", "h0", "2025-12-31", 120, 70),
        ],
        "diabetes_visit": [
            glucose("a", "d1", "2026-01-05", 6.9),
            glucose("old", "d2", "2026-01-05", 7.0),
            glucose("young", "d3", "2026-01-06", 5.0, mode="3"),
            glucose("a", "d4", "2026-02-05", 8.0),
            glucose("a", "d5", "2026-03-05", 6.0),
        ],
    }
