"""Domains of the county beyond population and care: a folder each, grouped by chapter.

Chapters of the county guideline: `centres` (4.1), `services` (4.2), `medical_management` (4.3),
`public_health` (4.4), `administration` (4.5), `performance` (4.6) and `platform` (2 and 3).
The folder `<chapter>/<domain>/` holds all of a domain: `domain.py` (what happens, class `Domain` as
in `county.scene`) and its parts, `rates.yml` (each with a source or the word "assumed") and
`layouts.yml` (how its senders lay out their exports, in the form of `county/systems/layouts.yml`)
and, where it knows the truth of an indicator, `indicators.yml` (as `county/indicators.yml`).
What several domains share stands where their folders meet.
"""

from pathlib import Path
from typing import Any

from county.roles import with_ids
from ingestion.yaml_file import read_yaml

_HERE = Path(__file__).parent


DOMAINS: tuple[str, ...] = (
    "hospital_messages",
    "service_messages",
    "shared_documents",
    "booking",
    "referral",
    "pharmacy",
    "recognition",
    "insurance_detail",
    "tcm",
    "education",
    "internet_services",
    "online",
    "electrocardiography",
    "infectious",
    "health_signals",
    "tuberculosis",
    "chronic_registers",
    "occupational_school",
    "environment",
    "licences",
    "tcm_clinics",
    "returned_records",
    "civil_registers",
    "family_doctor",
    "chronic_care",
    "devices",
    "health_card",
    "surveys",
    "assessments",
    "public_funds",
    "village_management",
    "configuration",
    "hospital_returns",
    "laboratory_centre",
    "imaging_centre",
    "ecg_centre",
    "pathology",
    "emergency",
    "consultation",
    "sterile_supply",
    "medical_waste",
    "platform_exchange",
    "process_flow",
    "platform_access",
    "human_resources",
    "finance",
    "materials",
    "office",
    "maternal",
    "women_health",
    "immunisation",
    "elderly",
)
"""Names of the domains' folders in the order in which they run."""


def folder_of(name: str) -> Path:
    """The folder of a domain, whatever its chapter.

    Raises:
        ValueError: not exactly one chapter has such a domain.
    """
    found = list(_HERE.glob(f"*/{name}/domain.py"))
    if len(found) != 1:
        raise ValueError(f"{len(found)} chapters have a domain {name}")
    return found[0].parent


def rates_of(name: str) -> dict[str, Any]:
    """What a domain's `rates.yml` says, organizations by id."""
    loaded: dict[str, Any] = with_ids(read_yaml(folder_of(name) / "rates.yml"))
    return loaded


def indicator_files() -> list[Path]:
    """What domains know of indicators: numerator, denominator and formula."""
    return sorted(_HERE.glob("*/*/indicators.yml"))


def layout_files() -> list[Path]:
    """The layouts of all domains; a domain may keep several files of them."""
    return sorted(_HERE.glob("*/*/*layouts.yml"))
