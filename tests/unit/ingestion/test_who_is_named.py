"""Field faults of the person block: each file went in wrongly once (tests/samples/field_faults)."""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.vault import Vault
from tests.demo import DEMO

SAMPLES = Path(__file__).parents[2] / "samples" / "field_faults"
FEEDS = {
    ".csv": "township_a__his__visits",
    ".xlsx": "township_b__his__visits",
    ".hl7": "county_hospital__his__adt",
    ".json": "consortium__internet_hospital__encounters",
}
BORN = date(1979, 4, 12)


@dataclass(frozen=True)
class Taken:
    """`people`: rows of source persons with what the vault keeps of each, in order of the file."""

    accepted: int
    quarantined: int
    people: list[dict[str, object]]
    sealed: int

    def all(self, column: str) -> list[object]:
        return [person.get(column) for person in self.people]


def take(name: str, home: Path) -> Taken:
    lake = Lake.open(home)
    sample = SAMPLES / name
    contract = DEMO.contracts[FEEDS[sample.suffix]]
    target = lake.inbox / contract.location.pattern.replace("*", "x")
    target.parent.mkdir(parents=True)
    shutil.copyfile(sample, target)
    with Vault(home) as vault, Ledger(home) as ledger:
        run = ingest_feed(lake, contract, vault=vault, ledger=ledger, settle=0)
        assert ledger.balanced()
        files = sorted(lake.silver("source_person").glob("*/*--*.parquet"))
        rows = pl.read_parquet(files, hive_partitioning=False).to_dicts() if files else []
        people = [row | vault.reveal(row["source_person_id"], reason="test") for row in rows]
        sealed = vault._database.execute("select count(*) from sealed_person").fetchone()[0]
    return Taken(run.count.accepted, run.count.quarantined, people, sealed)


@pytest.mark.parametrize(
    ("name", "people"),
    [
        ("insurance-number-wu-merges-four-people.csv", 4),
        ("local-id-NULL-is-one-person.csv", 4),
        ("csv-NULL-backslash-N-null-dash-refused.csv", 4),
    ],
)
def test_a_word_for_none_is_no_number(name: str, people: int, tmp_path: Path) -> None:
    taken = take(name, tmp_path)
    assert (taken.accepted, len(set(taken.all("source_person_id")))) == (people, people)
    assert taken.all("insurance_token") == [None] * people


def test_a_placeholder_is_flagged(tmp_path: Path) -> None:
    taken = take("insurance-number-wu-merges-four-people.csv", tmp_path)
    assert taken.all("identity_flags") == ["placeholder:insurance_number"] * 4


@pytest.mark.parametrize(
    "name", ["id-as-number-rounded-passes-check-digit.xlsx", "id-as-number-wrong-digits.xlsx"]
)
def test_digits_that_a_spreadsheet_lost_are_not_invented(name: str, tmp_path: Path) -> None:
    taken = take(name, tmp_path)
    assert set(taken.all("id_number_token")) | set(taken.all("id_written_token")) == {None}
    assert set(taken.all("id_number")) == {None}
    assert set(taken.all("identity_flags")) == {"lossy:id_number"}


def test_a_refused_row_leaves_no_person(tmp_path: Path) -> None:
    taken = take("repeated-header-row-becomes-a-person.xlsx", tmp_path)
    assert (taken.accepted, taken.quarantined) == (4, 1)
    assert "患者姓名" not in taken.all("person_name")
    assert (len(taken.people), taken.sealed) == (4, 4)


def test_a_versioned_reference_names_the_patient_not_the_version(tmp_path: Path) -> None:
    taken = take("fhir-versioned-reference-version-is-patient-id.json", tmp_path)
    assert len(set(taken.all("source_person_id"))) == 2
    assert "1" not in taken.all("local_id")


def test_a_typed_citizen_number_is_no_local_number(tmp_path: Path) -> None:
    taken = take("pid3-idcard-type-taken-as-local-id.hl7", tmp_path)
    assert taken.all("local_id") == ["P70001"]
    assert taken.all("id_number") == ["653201197904120121"]


@pytest.mark.parametrize(
    "name", ["hl7-PID5-family-given-given-name-lost.hl7", "fhir-chinese-name-with-blank.json"]
)
def test_family_and_given_name_are_one_name(name: str, tmp_path: Path) -> None:
    assert take(name, tmp_path).all("person_name") == ["测试甲"]


@pytest.mark.parametrize(
    ("name", "unclear"),
    [
        ("xlsx-birth-date-cells-silently-null.xlsx", 1),
        ("csv-birth-date-variants-silently-null.csv", 2),
    ],
)
def test_a_birth_date_that_can_mean_one_day_is_read_others_are_flagged(
    name: str, unclear: int, tmp_path: Path
) -> None:
    taken = take(name, tmp_path)
    clear = len(taken.people) - unclear
    assert taken.all("birth_date") == [BORN] * clear + [None] * unclear
    assert taken.all("identity_flags") == [None] * clear + ["unreadable:birth_date"] * unclear


def test_true_date_cells_are_taken_whatever_was_agreed(tmp_path: Path) -> None:
    assert take("xlsx-real-date-cells-refused.xlsx", tmp_path).accepted == 5


@pytest.mark.parametrize(
    "name",
    ["csv-full-width-digits.csv", "csv-id-as-excel-formula-text.csv", "csv-id-with-apostrophe.csv"],
)
def test_what_a_spreadsheet_wrapped_a_number_in_is_taken_off(name: str, tmp_path: Path) -> None:
    taken = take(name, tmp_path)
    assert taken.quarantined == 0
    assert all(taken.all("has_valid_id_number"))
    assert all(str(one).startswith("B0") and str(one).isalnum() for one in taken.all("local_id"))
