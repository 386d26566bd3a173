"""Rules are chosen by the day of the service; what is wrong in a file is said with its place."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from ingestion.crosswalk import Codes
from standards.catalogue import STANDARDS_DIR
from standards.dated_rules import FOR_EVER, load_rules, rule_rows

VERSION = {
    "valid_from": "2020-01-01",
    "source": "invented",
    "confidence": "own",
    "values": [{"parameter": "limit", "label_zh": "界值", "value": 140, "unit": "mmHg"}],
}


def folder(tmp_path: Path, **rules: object) -> Path:
    (tmp_path / "own.yml").write_text(yaml.safe_dump(rules, allow_unicode=True), "utf-8")
    return tmp_path


def test_a_version_lasts_until_the_day_before_the_next(tmp_path: Path) -> None:
    later = VERSION | {"valid_from": "2026-07-01"}
    known = load_rules(folder(tmp_path, limit={"label_zh": "界值", "versions": [VERSION, later]}))
    values, _ = rule_rows(known)
    mine = [(v["valid_from"], v["valid_to"]) for v in values if v["rule_id"] == "limit"]
    assert mine == [
        (date(2020, 1, 1), date(2026, 6, 30)),
        (date(2026, 7, 1), FOR_EVER),
    ]


def test_a_countys_rule_takes_the_place_of_the_products(tmp_path: Path) -> None:
    assert set(load_rules()["inpatient_settlement"].versions[0].codes) > {"21", "23", "52"}
    own = VERSION | {"codes": ["21", "25"]}
    del own["values"]
    body = {"label_zh": "本县", "code_system": "insurance_service_class", "versions": [own]}
    known = load_rules(folder(tmp_path, inpatient_settlement=body))
    assert known["inpatient_settlement"].versions[0].codes == ["21", "25"]
    assert "hypertension_control" in known


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"valid_from": "not a day"}, "limit.versions.0.valid_from"),
        ({"codes": ["1"]}, "either values or codes"),
        ({"values": VERSION["values"] * 2}, "two values"),
        ({"source": ""}, "limit.versions.0.source"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_place(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        load_rules(folder(tmp_path, limit={"label_zh": "界值", "versions": [VERSION | change]}))
    assert "own.yml" in str(error.value)


def test_codes_of_rules_are_codes_of_their_system() -> None:
    for name, rule in load_rules().items():
        for version in rule.versions:
            assert rule.code_system is None or set(version.codes) <= set(
                Codes().code_system(rule.code_system)
            ), name


def test_no_sql_holds_a_threshold_that_a_rule_says() -> None:
    macros = (STANDARDS_DIR.parent / "macros" / "managed_patients.sql").read_text("utf-8")
    evidence = (STANDARDS_DIR.parent / "marts" / "performance" / "evidence").glob("*.sql")
    for text in (macros, *(path.read_text("utf-8") for path in evidence)):
        for number in ("140", "150", "7.0", "'21'", "least(4,"):
            assert number not in text
