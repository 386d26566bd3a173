"""Organizations, departments, beds and service-area polygons of the county.

Belongs here: what exists before any patient comes. Not here: people (`population.py`).
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from county.months import Month
from county.parameters import parameters
from county.roles import (
    CDC,
    CIVIL_AFFAIRS,
    CONSORTIUM,
    COUNTY,
    COUNTY_HOSPITAL,
    EDUCATION_BUREAU,
    EMERGENCY_CENTRE,
    ENVIRONMENT_BUREAU,
    HEALTH_COMMISSION,
    INSURANCE_BUREAU,
    MCH_CENTRE,
    PUBLIC_SECURITY,
    TCM_HOSPITAL,
    TOWNSHIP_A,
    TOWNSHIP_B,
    TOWNSHIP_C,
    room,
    township,
)
from county.scene import Truth

HOSPITALS = (COUNTY_HOSPITAL, TCM_HOSPITAL)
OWN_SYSTEM_TOWNSHIPS = (TOWNSHIP_A, TOWNSHIP_B)
"""Centres with a system of their own; all others and their rooms use the consortium's."""


@dataclass(frozen=True, slots=True)
class Organization:
    organization_id: str
    name: str
    level: str
    parent: str | None
    is_primary_care: bool = False
    is_tcm: bool = False


def _township(code: str, name: str, first_room: int, *rooms: str) -> list[Organization]:
    """A centre and its rooms by name, numbered from the first on."""
    centre = Organization(code, name, "township", CONSORTIUM, is_primary_care=True)
    return [
        centre,
        *(
            Organization(room(number), room_name, "village", code, is_primary_care=True)
            for number, room_name in enumerate(rooms, first_room)
        ),
    ]


_FIRST = (
    Organization(COUNTY, "云泉县", "county", None),
    Organization(CONSORTIUM, "云泉县紧密型医共体", "consortium", COUNTY),
    Organization(COUNTY_HOSPITAL, "云泉县人民医院", "hospital", CONSORTIUM),
    Organization(TCM_HOSPITAL, "云泉县中医医院", "hospital", CONSORTIUM, is_tcm=True),
    *_township(TOWNSHIP_A, "阿克塔什镇卫生院", 1, "红柳村卫生室", "泉水村卫生室",
               "白杨村卫生室"),
    *_township(TOWNSHIP_B, "塔勒德乡卫生院", 4, "草湖村卫生室", "石桥村卫生室",
               "麦田村卫生室"),
    *_township(TOWNSHIP_C, "红山镇卫生院", 7, "红山村卫生室", "河湾村卫生室"),
    Organization(MCH_CENTRE, "云泉县妇幼保健计划生育服务中心", "professional", CONSORTIUM),
    Organization(CDC, "云泉县疾病预防控制中心", "professional", COUNTY),
    Organization(EMERGENCY_CENTRE, "云泉县紧急医疗救援中心", "professional", COUNTY),
    Organization(INSURANCE_BUREAU, "云泉县医疗保障局", "bureau", COUNTY),
    Organization(HEALTH_COMMISSION, "云泉县卫生健康委员会", "bureau", COUNTY),
    Organization(PUBLIC_SECURITY, "云泉县公安局", "bureau", COUNTY),
    Organization(CIVIL_AFFAIRS, "云泉县民政局", "bureau", COUNTY),
    Organization(EDUCATION_BUREAU, "云泉县教育局", "bureau", COUNTY),
    Organization(ENVIRONMENT_BUREAU, "云泉县生态环境局", "bureau", COUNTY),
)  # fmt: skip
_FURTHER_TOWNS = (
    "北泉镇",
    "南滩乡",
    "沙枣乡",
    "胡杨镇",
    "柳河镇",
    "青石乡",
    "金滩镇",
    "黑山乡",
    "月牙镇",
)
_NUMERALS = "一二三四五六七八九十"
_KNOWN_ROOMS, _ROOMS_EACH = 8, len(_NUMERALS)

ORGANIZATIONS: list[Organization] = []
BY_ID: dict[str, Organization] = {}
TOWNSHIPS: list[str] = []


def settle(further_townships: int = 0) -> None:
    """Make the county's organizations: the known ones and so many further townships of ten rooms.

    Raises:
        ValueError: more townships than there are names.
    """
    if further_townships > len(_FURTHER_TOWNS):
        raise ValueError(f"at most {len(_FURTHER_TOWNS)} further townships")
    found = list(_FIRST)
    for order, town in enumerate(_FURTHER_TOWNS[:further_townships]):
        first = _KNOWN_ROOMS + 1 + order * _ROOMS_EACH
        rooms = [f"{town[:-1]}{numeral}村卫生室" for numeral in _NUMERALS]
        found += _township(township(order + 4), f"{town}卫生院", first, *rooms)
    ORGANIZATIONS[:] = found
    BY_ID.clear()
    BY_ID.update({o.organization_id: o for o in found})
    TOWNSHIPS[:] = [o.organization_id for o in found if o.level == "township"]


settle()


@dataclass(frozen=True, slots=True)
class Home:
    """A place where people live: its organization, town and community, and its share of them."""

    organization: str
    town: str
    community: str
    share: float


def homes() -> list[Home]:
    """The homes of the parameters, and the villages of further townships with an equal part each
    of `population.further_share`."""
    rates = parameters()["population"]
    further = [o for o in ORGANIZATIONS if o.level in ("township", "village")][
        len(rates["homes"]) :
    ]
    part = rates["further_share"] if further else 0.0
    found = [Home(**{**h, "share": h["share"] * (1 - part)}) for h in rates["homes"]]
    for organization in further:
        town = BY_ID[township_of(organization.organization_id)].name.removesuffix("卫生院")
        community = organization.name.removesuffix("卫生室").removesuffix("卫生院")
        found.append(Home(organization.organization_id, town, community, part / len(further)))
    return found


def uses_cloud(organization_id: str) -> bool:
    """Whether a centre or room works in the consortium's shared primary-care system."""
    return township_of(organization_id) not in OWN_SYSTEM_TOWNSHIPS


def township_of(organization_id: str) -> str:
    """The township centre that a village room or a centre itself belongs to."""
    parent = BY_ID[organization_id].parent
    return organization_id if BY_ID[organization_id].level == "township" else str(parent)


def subtree(organization_id: str) -> list[str]:
    """The organization and everything below it, in the order of `ORGANIZATIONS`."""
    found = [organization_id]
    for organization in ORGANIZATIONS:
        if organization.parent in found and organization.organization_id not in found:
            found.append(organization.organization_id)
    return found


# Invented corners (longitude, latitude). Neighbours share corners: the areas tile the county.
_CORNERS: dict[str, tuple[float, float]] = {
    "a": (78.62, 40.30), "b": (78.88, 40.24), "c": (79.16, 40.27), "d": (79.42, 40.33),
    "e": (78.55, 40.52), "f": (78.86, 40.44), "g": (79.13, 40.43), "h": (79.47, 40.50),
    "i": (78.87, 40.60), "j": (79.14, 40.58), "k": (78.60, 40.74), "l": (78.90, 40.80),
    "m": (79.18, 40.83), "n": (79.45, 40.72), "o": (78.66, 40.08), "p": (79.02, 40.03),
    "q": (79.40, 40.11),
}  # fmt: skip
_RINGS = {
    COUNTY_HOSPITAL: "fgji",  # the county town in the middle
    room(1): "abfe",
    room(2): "bcgf",
    room(3): "cdhg",
    room(4): "efilk",
    room(5): "ijml",
    room(6): "ghnmj",
    room(7): "opcba",
    room(8): "pqdc",
}
_CELL_HEIGHT, _CELLS_EACH_SIDE = 0.06, 5


def boundary_ring(organization_id: str) -> str | None:
    """Closed polygon ring `[[longitude, latitude], ...]` as JSON, or None where there is none."""
    corners = _RINGS.get(organization_id)
    if corners is not None:
        return json.dumps([_CORNERS[c] for c in corners + corners[0]])
    number = int(organization_id[7:]) - _KNOWN_ROOMS - 1 if organization_id[6:7] == "V" else -1
    return None if number < 0 else json.dumps(_cell(number))


def _cell(number: int) -> list[tuple[float, float]]:
    """Rooms of further townships lie in rows of ten south of the first ones' southern edge."""
    row, column = divmod(number, 2 * _CELLS_EACH_SIDE)
    west, east = _edge(column), _edge(column + 1)
    high, low = row * _CELL_HEIGHT, (row + 1) * _CELL_HEIGHT
    ring = [(west, high), (west, low), (east, low), (east, high), (west, high)]
    return [(point[0], round(point[1] - drop, 6)) for point, drop in ring]


def _edge(step: int) -> tuple[float, float]:
    """A point of the southern edge, counted from the west."""
    half, rest = divmod(step, _CELLS_EACH_SIDE)
    if half == 2:
        return _CORNERS["q"]
    (x, y), (to_x, to_y) = (_CORNERS[c] for c in ("op", "pq")[half])
    part = rest / _CELLS_EACH_SIDE
    return round(x + (to_x - x) * part, 6), round(y + (to_y - y) * part, 6)


@dataclass(frozen=True, slots=True)
class Department:
    code: str
    name: str
    is_tcm: bool = False


DEPARTMENTS: dict[str, tuple[Department, ...]] = {
    COUNTY_HOSPITAL: (
        Department("0301", "内科"),
        Department("0302", "心血管内科"),
        Department("0401", "外科"),
        Department("0501", "妇产科"),
        Department("0701", "儿科"),
        Department("2001", "急诊医学科"),
        Department("5001", "中医科", is_tcm=True),
    ),
    TCM_HOSPITAL: (
        Department("5001", "中医内科", is_tcm=True),
        Department("5002", "针灸推拿科", is_tcm=True),
        Department("5003", "骨伤科", is_tcm=True),
    ),
    MCH_CENTRE: (Department("0502", "妇女保健科"), Department("0702", "儿童保健科")),
    CDC: (
        Department("9001", "传染病防制科"),
        Department("9002", "免疫规划科"),
        Department("9003", "慢性病防制科"),
    ),
    EMERGENCY_CENTRE: (Department("9101", "调度科"), Department("9102", "院前急救科")),
    "township": (Department("01", "全科医疗科"), Department("50", "中医科", is_tcm=True)),
    "village": (Department("01", "全科"), Department("50", "中医", is_tcm=True)),
}


def departments_of(organization_id: str) -> tuple[Department, ...]:
    level = BY_ID[organization_id].level
    return DEPARTMENTS[organization_id if level in ("hospital", "professional") else level]


def rate_of(rates: dict[str, float], organization_id: str) -> float | None:
    """The rate of an organization, else of its level, else None."""
    own = rates.get(organization_id)
    return rates.get(BY_ID[organization_id].level) if own is None else own


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


def open_bed_days(beds: dict[str, list[Bed]], month: Month) -> Truth:
    """Days of the month that beds were open, by organization."""
    amounts = {code: sum(bed.open_days(month) for bed in own) for code, own in beds.items()}
    return Truth("open_bed_days", amounts)


def make_beds(residents: int, months: list[Month]) -> dict[str, list[Bed]]:
    """Beds by organization. One county bed opens and one TCM bed closes inside the period."""
    beds: dict[str, list[Bed]] = {}
    start = datetime.combine(months[0].first, datetime.min.time())
    for organization_id in (*HOSPITALS, *TOWNSHIPS):
        rate = rate_of(parameters()["services"]["beds_per_1000"], organization_id) or 0.0
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
        first = beds[COUNTY_HOSPITAL]
        opened = months[1].first + timedelta(days=9)
        first.append(
            Bed(
                f"{len(first) + 1:03d}",
                COUNTY_HOSPITAL,
                first[0].ward,
                opened,
                None,
                datetime.combine(opened, datetime.min.time()) + timedelta(hours=8),
            )
        )
        if len(beds[TCM_HOSPITAL]) > 3:
            beds[TCM_HOSPITAL][-1].closed = months[1].first + timedelta(days=20)
    return beds
