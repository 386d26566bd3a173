"""What a domain may see of one true month, and what it hands over: frames, not objects.

Belongs here: the columns of the frames and the one form of an export. Not here: how people and
care come about (`population.py`, `services.py`) or how a sender writes rows (`systems/`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol
from zlib import crc32

import numpy as np
import polars as pl

from county.months import Month
from county.outbox import Fault


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault of meaning that stays acceptable row by row (a follow-up of the dead, cloned
    readings). `key` is the value of the export's key column."""

    kind: str
    key: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """Rows one feed sends for the month, in the fields of its layout.

    `rows` may hold: dates, naive local datetimes, booleans, numbers, text; money as whole fen in
    columns ending `_fen`, written as yuan; `person`, the number of a person of `Scene.people`,
    which the writer turns into the person fields as this feed knows them; `organization_id` and
    `staff_id` as they are. `local_id`, when given, replaces the member's own number of the person.
    """

    feed: str
    rows: pl.DataFrame
    planted: list[Planted] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Document:
    """One file the domain wrote itself: a message batch, a CDA document, a DICOM object, a bundle.

    `accepted`, `quarantined` and `duplicate` are the entity rows (and unreadable pieces) the file
    must become; `faults` names every planted one; `day` is when it is sent, the month's last when
    not given.
    """

    feed: str
    file: str
    data: bytes
    accepted: int = 0
    quarantined: int = 0
    duplicate: int = 0
    faults: list[Fault] = field(default_factory=list)
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """The true rows of one entity that messages of a feed carry in the month.

    `rows` holds columns of the entity as far as the sender says them, its key among them and
    `recorded_at` where versions of a key have one; naive local datetimes; money as whole fen in
    columns ending `_fen`.
    """

    feed: str
    entity: str
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Examined:
    """Numbers of the people who had their yearly physical examination in the month: what one domain
    lets happen and the management of chronic patients counts."""

    people: Sequence[int]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a measure truly is in the month, counted by whoever lets it happen.

    `amounts` holds each organization's part in the measure's own unit (money in yuan); who says
    more of the same measure in the same month adds to it. `is_stock`: a quarter or year is its last
    month, not the sum of its months.
    """

    measure: str
    amounts: Mapping[str, int | Decimal]
    is_stock: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One month of the true county.

    - `people`: everyone who lives there at some time of the month. `person` (number), `sex` (1, 2),
      `birth`, `died` (datetime or null), `age` (whole years on the first day), `ethnicity`,
      `organization_id` (home village room or centre), `township` (its centre), `household_id`,
      `relation`, `marital`, `is_permanent`, `is_registered`, `insurance_type`, `hypertension`,
      `diabetes`.
    - `visits`: outpatient and emergency visits not cancelled. `encounter_id`, `organization_id`,
      `township` (null for hospitals), `person`, `patient_class` (CV09.00.404), `start`,
      `department_code`, `department_name`, `staff_id`, `diagnosis_code`, `diagnosis_name`,
      `fee_fen`, `drug_fee_fen`, `is_tcm`.
    - `stays`: inpatient stays in bed at some time of the month, not cancelled. As visits, and
      `end` (null while open), `bed_id`, `ward`, `discharge_mode`, `operation_code`,
      `operation_name`.
    - `reports`, `examinations`: what the hospitals' own laboratory and imaging reported of the
      month's care. `report_id`, `request_id`, `encounter_id`, `organization_id`, `person`,
      `service_code` (of `hospital_message_parts`), `performed` (sample taken, image made),
      `reported`.
    - `settlements`: of care in the county, `settlement_id`, `encounter_id`.
    - `births`: `child`, `mother` (numbers), `born` (datetime), `organization_id` (home), and as the
      certificate says `birth_certificate_id`, `hospital_id`, `gestational_weeks`,
      `birth_weight_g`.
    - `marriages`: `husband`, `wife` (numbers), `day`.
    - `moves`: `person`, `inward` (boolean), `day`, `elsewhere` (division code). Who moves in is
      among `people`, who moves out is not.
    - `staff`: `staff_id`, `organization_id`, `person`, `category`, `title`, `department_name`,
      `employed`, `left`.
    - `organizations`: `organization_id`, `name`, `level`, `parent`, `is_primary_care`, `is_tcm`.
    """

    month: Month
    seed: int
    people: pl.DataFrame
    visits: pl.DataFrame
    stays: pl.DataFrame
    reports: pl.DataFrame
    examinations: pl.DataFrame
    settlements: pl.DataFrame
    births: pl.DataFrame
    marriages: pl.DataFrame
    moves: pl.DataFrame
    staff: pl.DataFrame
    organizations: pl.DataFrame
    identify: Callable[[str, pl.DataFrame], pl.DataFrame]
    """Adds to a frame with `person` how a feed knows each: `local_id`, `name`, `sex`, `birth`,
    `id_number`, `health_card`, `insurance_number`, `phone`, `address`. Row order stays."""

    def random(self, domain: str) -> np.random.Generator:
        """A generator of its own for each domain and month: nobody's draw moves another's."""
        return np.random.default_rng([self.seed, crc32(domain.encode()), self.month.index])


Piece = Export | Document | Meant | Truth | Examined


class Domain(Protocol):
    """A part of the county's life with feeds of its own; keeps its registers between months.

    Made once a run with the content of its folder's `rates.yml` as `rates`.
    """

    def __init__(self, seed: int, rates: dict[str, Any]) -> None: ...

    def month(self, scene: Scene) -> Iterator[Piece]: ...
