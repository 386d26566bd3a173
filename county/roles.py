"""Which organization plays which role in the county: the one place where its ids stand.

Belongs here: ids of known organizations, and the reading of `$county_hospital` in files of rates.
Not here: what the organizations are (`organizations.py`).
"""

from typing import Any

COUNTY = "653999"  # unassigned in GB/T 2260, so its ID numbers belong to nobody
CONSORTIUM = f"{COUNTY}C01"
COUNTY_HOSPITAL, TCM_HOSPITAL = f"{COUNTY}H01", f"{COUNTY}H02"
MCH_CENTRE, CDC, EMERGENCY_CENTRE = f"{COUNTY}M01", f"{COUNTY}D01", f"{COUNTY}E01"
INSURANCE_BUREAU, HEALTH_COMMISSION = f"{COUNTY}B01", f"{COUNTY}W01"
PUBLIC_SECURITY, CIVIL_AFFAIRS = f"{COUNTY}G01", f"{COUNTY}G02"
EDUCATION_BUREAU, ENVIRONMENT_BUREAU = f"{COUNTY}G03", f"{COUNTY}G04"


def township(number: int) -> str:
    """The id of the centre of a number, from 1 on."""
    return f"{COUNTY}T{number:02d}"


def room(number: int) -> str:
    """The id of the village room of a number, from 1 on."""
    return f"{COUNTY}V{number:02d}"


TOWNSHIP_A, TOWNSHIP_B, TOWNSHIP_C = township(1), township(2), township(3)
_ROLES = {name.lower(): value for name, value in globals().items() if name.isupper()}


def with_ids(rates: Any) -> Any:
    """Rates as a file says them, with an id for each `$role` or `$room_01`, as key or value.

    Raises:
        KeyError: the county knows no such role.
    """
    if isinstance(rates, dict):
        return {with_ids(key): with_ids(value) for key, value in rates.items()}
    if isinstance(rates, list):
        return [with_ids(value) for value in rates]
    if isinstance(rates, str) and rates.startswith("$"):
        name = rates[1:]
        return room(int(name[5:])) if name.startswith("room_") else _ROLES[name]
    return rates
