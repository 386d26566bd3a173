"""Organizations, departments, beds and service-area polygons of the county.

Belongs here: what exists before any patient comes. Not here: people (`population.py`).
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from county.months import Month
from county.parameters import parameters

COUNTY, CONSORTIUM = "653999", "653999C01"
HOSPITALS = ("653999H01", "653999H02")
TOWNSHIPS = ("653999T01", "653999T02")
BUREAU, COMMISSION = "653999B01", "653999W01"


@dataclass(frozen=True, slots=True)
class Organization:
    organization_id: str
    name: str
    level: str
    parent: str | None
    is_primary_care: bool = False
    is_tcm: bool = False


ORGANIZATIONS: tuple[Organization, ...] = (
    Organization(COUNTY, "云泉县", "county", None),
    Organization(CONSORTIUM, "云泉县紧密型医共体", "consortium", COUNTY),
    Organization("653999H01", "云泉县人民医院", "hospital", CONSORTIUM),
    Organization("653999H02", "云泉县中医医院", "hospital", CONSORTIUM, is_tcm=True),
    Organization("653999T01", "阿克塔什镇卫生院", "township", CONSORTIUM, is_primary_care=True),
    Organization("653999T02", "塔勒德乡卫生院", "township", CONSORTIUM, is_primary_care=True),
    Organization("653999V01", "红柳村卫生室", "village", "653999T01", is_primary_care=True),
    Organization("653999V02", "泉水村卫生室", "village", "653999T01", is_primary_care=True),
    Organization("653999V03", "白杨村卫生室", "village", "653999T01", is_primary_care=True),
    Organization("653999V04", "草湖村卫生室", "village", "653999T02", is_primary_care=True),
    Organization("653999V05", "石桥村卫生室", "village", "653999T02", is_primary_care=True),
    Organization("653999V06", "麦田村卫生室", "village", "653999T02", is_primary_care=True),
    Organization(BUREAU, "云泉县医疗保障局", "bureau", COUNTY),
    Organization(COMMISSION, "云泉县卫生健康委员会", "bureau", COUNTY),
)
BY_ID = {organization.organization_id: organization for organization in ORGANIZATIONS}


def township_of(organization_id: str) -> str:
    """The township centre that a village room or a centre itself belongs to."""
    parent = BY_ID[organization_id].parent
    return organization_id if organization_id in TOWNSHIPS else str(parent)


def subtree(organization_id: str) -> list[str]:
    """The organization and everything below it, in the order of `ORGANIZATIONS`."""
    found = [organization_id]
    for organization in ORGANIZATIONS:
        if organization.parent in found and organization.organization_id not in found:
            found.append(organization.organization_id)
    return found


# Invented corners (longitude, latitude). Neighbours share corners: seven areas tile the county.
_CORNERS: dict[str, tuple[float, float]] = {
    "a": (78.62, 40.30), "b": (78.88, 40.24), "c": (79.16, 40.27), "d": (79.42, 40.33),
    "e": (78.55, 40.52), "f": (78.86, 40.44), "g": (79.13, 40.43), "h": (79.47, 40.50),
    "i": (78.87, 40.60), "j": (79.14, 40.58), "k": (78.60, 40.74), "l": (78.90, 40.80),
    "m": (79.18, 40.83), "n": (79.45, 40.72),
}  # fmt: skip
_RINGS = {
    "653999H01": "fgji",  # the county town in the middle
    "653999V01": "abfe",
    "653999V02": "bcgf",
    "653999V03": "cdhg",
    "653999V04": "efilk",
    "653999V05": "ijml",
    "653999V06": "ghnmj",
}


def boundary_ring(organization_id: str) -> str | None:
    """Closed polygon ring `[[longitude, latitude], ...]` as JSON, or None where there is none."""
    corners = _RINGS.get(organization_id)
    if corners is None:
        return None
    return json.dumps([_CORNERS[c] for c in corners + corners[0]])


@dataclass(frozen=True, slots=True)
class Department:
    code: str
    name: str
    is_tcm: bool = False


DEPARTMENTS: dict[str, tuple[Department, ...]] = {
    "653999H01": (
        Department("0301", "内科"),
        Department("0302", "心血管内科"),
        Department("0401", "外科"),
        Department("0501", "妇产科"),
        Department("0701", "儿科"),
        Department("2001", "急诊医学科"),
        Department("5001", "中医科", is_tcm=True),
    ),
    "653999H02": (
        Department("5001", "中医内科", is_tcm=True),
        Department("5002", "针灸推拿科", is_tcm=True),
        Department("5003", "骨伤科", is_tcm=True),
    ),
    "township": (Department("01", "全科医疗科"), Department("50", "中医科", is_tcm=True)),
    "village": (Department("01", "全科"), Department("50", "中医", is_tcm=True)),
}


def departments_of(organization_id: str) -> tuple[Department, ...]:
    level = BY_ID[organization_id].level
    return DEPARTMENTS[organization_id if level == "hospital" else level]


@dataclass(slots=True)
class Bed:
    """One bed; `closed` is the first day it is not open. `free_at` is the simulator's board."""

    bed_id: str
    organization_id: str
    ward: str
    opened: date
    closed: date | None
    free_at: datetime

    def open_days(self, month: Month) -> int:
        """Days of the month the bed was open at 24:00."""
        return sum(
            self.opened <= day and (self.closed is None or day < self.closed) for day in month.days
        )


def make_beds(residents: int, months: list[Month]) -> dict[str, list[Bed]]:
    """Beds by organization. One county bed opens and one TCM bed closes inside the period."""
    beds: dict[str, list[Bed]] = {}
    start = datetime.combine(months[0].first, datetime.min.time())
    for organization_id, rate in parameters()["services"]["beds_per_1000"].items():
        count = max(2, round(residents * rate / 1000))
        wards = departments_of(organization_id)
        beds[organization_id] = [
            Bed(
                f"{n + 1:03d}",
                organization_id,
                f"{wards[n * len(wards) // count].name}病区",
                date(2019 + n % 5, 3, 1),
                None,
                start,
            )
            for n in range(count)
        ]
    if len(months) > 1:
        first = beds["653999H01"]
        opened = months[1].first + timedelta(days=9)
        first.append(
            Bed(
                f"{len(first) + 1:03d}",
                "653999H01",
                first[0].ward,
                opened,
                None,
                datetime.combine(opened, datetime.min.time()) + timedelta(hours=8),
            )
        )
        if len(beds["653999H02"]) > 3:
            beds["653999H02"][-1].closed = months[1].first + timedelta(days=20)
    return beds
