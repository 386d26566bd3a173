"""A column that looks like a key says what it refers to, or stands here with the reason why not."""

import re

import pytest

from ingestion.entity import entities

LOOKS_LIKE_A_KEY = re.compile(r"_(id|code|number)$")
NUMBERS_ITS_OWN = re.compile(r"(line|step|beat|dose|visit|attempt|version|item|sequence)_number$")
"""Numbers of rows, steps and versions count within their parent."""

TERMINOLOGY = "a code of a terminology, not a row of the lake"
NO_REGISTER = "no feed brings the register it would name"
OUTSIDE = "names something outside the county"
PAPER = "the number of a paper: licence, invoice, official document"
OWN = "the own id of what this entity holds, beside its key"

NOT_REFERENCES = {
    "accession_number": OWN,
    "agent_id": NO_REGISTER,
    "asset_id": OWN,
    "block_id": NO_REGISTER,
    "case_id": "grouped by the insurer or an engine; the encounter is the key that joins",
    "certificate_number": PAPER,
    "changed_by_user_id": "accounts of another system than the portal",
    "couple_number": OWN,
    "department_code": NO_REGISTER,
    "departure_area_code": TERMINOLOGY,
    "device_id": NO_REGISTER,
    "diagnosis_code": TERMINOLOGY,
    "document_number": PAPER,
    "dosimeter_number": NO_REGISTER,
    "drg_code": TERMINOLOGY,
    "drug_code": TERMINOLOGY,
    "employer_id": NO_REGISTER,
    "event_record_id": OWN,
    "flow_id": OWN,
    "from_division_code": TERMINOLOGY,
    "herb_code": TERMINOLOGY,
    "household_id": "households are derived from it",
    "household_number": "numbers of a survey",
    "instrument_id": NO_REGISTER,
    "insurance_item_code": TERMINOLOGY,
    "insured_area_code": TERMINOLOGY,
    "invoice_number": PAPER,
    "item_code": TERMINOLOGY,
    "key_id": NO_REGISTER,
    "licence_number": PAPER,
    "local_item_code": OWN,
    "lot_number": "where lots come from, or of goods that no stock book holds",
    "machine_id": NO_REGISTER,
    "main_diagnosis_code": TERMINOLOGY,
    "main_operation_code": TERMINOLOGY,
    "manifest_number": PAPER,
    "morphology_code": TERMINOLOGY,
    "operating_room_id": NO_REGISTER,
    "operation_code": TERMINOLOGY,
    "pack_type_code": TERMINOLOGY,
    "package_item_id": OWN,
    "parameter_code": TERMINOLOGY,
    "pathology_number": OWN,
    "person_index_id": "the regional index's own number of a person",
    "pharmacy_code": OUTSIDE,
    "pharmacy_id": OUTSIDE,
    "point_id": NO_REGISTER,
    "preoperative_diagnosis_code": TERMINOLOGY,
    "preparer_id": "accounts of another system than the portal",
    "price_id": OWN,
    "project_id": OWN,
    "provider_code": OUTSIDE,
    "purchase_order_id": OWN,
    "receiver_id": "systems on the platform, which no register names",
    "related_id": "the order's own id, of whatever kind it is",
    "release_number": PAPER,
    "reviewer_id": "accounts of another system than the portal",
    "round_code": OWN,
    "school_id": NO_REGISTER,
    "sender_id": "systems on the platform, which no register names",
    "service_code": TERMINOLOGY,
    "source_area_code": TERMINOLOGY,
    "source_id": "a document of stock of one of several kinds",
    "source_record_number": OUTSIDE,
    "standard_code": TERMINOLOGY,
    "symptom_code": TERMINOLOGY,
    "tcm_disease_code": TERMINOLOGY,
    "tcm_syndrome_code": TERMINOLOGY,
    "terminal_id": NO_REGISTER,
    "to_area_code": TERMINOLOGY,
    "to_division_code": TERMINOLOGY,
    "to_hospital_code": OUTSIDE,
    "trace_code": TERMINOLOGY,
    "trace_number": OUTSIDE,
    "treatment_area_code": TERMINOLOGY,
    "underlying_cause_code": TERMINOLOGY,
    "user_id": "accounts of the configuration system, not of the portal",
    "vehicle_id": "lorries of logistics are in no register; ambulances refer to theirs",
    "vendor_id": NO_REGISTER,
    "voucher_id": OWN,
}


def undeclared() -> set[tuple[str, str]]:
    """Entity and column of every text that looks like a key, refers to nothing and is not of the
    entity's own key."""
    return {
        (entity.entity, name)
        for entity in entities().values()
        for name, column in entity.columns.items()
        if LOOKS_LIKE_A_KEY.search(name) and column.type == "string" and not column.code_system
        if name not in {one.column for one in entity.references} | set(entity.key)
    }


def test_a_column_that_looks_like_a_key_says_what_it_refers_to() -> None:
    odd = {
        (entity, name)
        for entity, name in undeclared()
        if name not in NOT_REFERENCES and not NUMBERS_ITS_OWN.search(name)
    }
    assert not odd, "declare it under references: of the entity, or give the reason here"


def test_no_excuse_is_left_over() -> None:
    assert not set(NOT_REFERENCES) - {name for _, name in undeclared()}


@pytest.mark.parametrize("name", ["staff_id", "encounter_id", "organization_id"])
def test_people_visits_and_institutions_are_always_referred_to(name: str) -> None:
    own = {"staff_id": "staff", "encounter_id": "encounter", "organization_id": "organization"}
    for entity in entities().values():
        for column in entity.columns:
            if column.endswith(name) and entity.entity != own[name]:
                assert column in {one.column for one in entity.references}, entity.entity
