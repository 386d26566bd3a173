"""Domains of the county beyond population and care: one module each, with its rates and layouts.

A domain `<name>` is three files: `<name>.py` (what happens, class of `county.scene.Domain`),
`<name>.yml` (its rates, each with a source or the word "assumed") and `<name>.layouts.yml` (how its
senders lay out their exports, in the form of `county/systems/layouts.yml`).
"""

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
)
"""Modules under `county.domains` in the order in which they run; each has a class `Domain`."""
