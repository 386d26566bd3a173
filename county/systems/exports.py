"""Which rows each core table feed sends in a month.

Belongs here: choice of rows and fields. Not here: headers and local codes (`layouts.yml`), feeds of
other domains (`county/domains/`).
"""

from datetime import date, datetime
from random import Random

import polars as pl

from county.archives import Archive, archive_number
from county.chronic_register import CODES, Registration
from county.illness import FollowUp
from county.insurance import Settlement
from county.laboratory import Examination
from county.organizations import ORGANIZATIONS, Bed, boundary_ring, township_of, uses_cloud
from county.people import Person
from county.roles import COUNTY_HOSPITAL, TCM_HOSPITAL, TOWNSHIP_A, TOWNSHIP_B
from county.scene import Export, Planted, Scene
from county.systems.drugs import CHINESE, WESTERN, prescribed

_OWN_FEED = {
    TOWNSHIP_A: "township_a__his__visits",
    TOWNSHIP_B: "township_b__his__visits",
}
_CLOUD = "consortium__primary_cloud__"
_TIME, _DAY = pl.Datetime("us"), pl.Date()
Schema = dict[str, pl.DataType | type[pl.DataType]]


class Exports:
    """Builds the rows of every core table feed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"{seed}/exports")

    # care -------------------------------------------------------------------------------------

    @staticmethod
    def primary_care(scene: Scene) -> list[Export]:
        """Visits and stays of every centre and room, by the system in which they are written."""
        of_level = {
            level: [o.organization_id for o in ORGANIZATIONS if o.level == level]
            for level in ("township", "village")
        }
        places = {feed: [code] for code, feed in _OWN_FEED.items()}
        places["village_rooms__his__visits"] = [
            code for code in of_level["village"] if not uses_cloud(code)
        ]
        places[f"{_CLOUD}visits"] = [
            code for codes in of_level.values() for code in codes if uses_cloud(code)
        ]
        return [Export(feed, Exports._care(scene, codes)) for feed, codes in places.items()]

    @staticmethod
    def _care(scene: Scene, codes: list[str]) -> pl.DataFrame:
        """Visits, stays discharged, and stays still open at the month's end."""
        here = pl.col("organization_id").is_in(codes)
        month_end = datetime.combine(scene.month.last, datetime.max.time()).replace(microsecond=0)
        visits = scene.visits.filter(here)
        first = datetime.combine(scene.month.first, datetime.min.time())
        stays = scene.stays.filter(here, pl.col("end").is_not_null() | (pl.col("start") >= first))
        open_stay = pl.col("end").is_null()
        rows = pl.concat(
            [
                visits.with_columns(pl.col("start").alias("recorded_at")),
                stays.with_columns(
                    pl.col("end").fill_null(month_end).alias("recorded_at"),
                    pl.when(~open_stay).then("fee_fen").alias("fee_fen"),
                    pl.when(~open_stay).then("drug_fee_fen").alias("drug_fee_fen"),
                ),
            ],
            how="diagonal",
        ).sort("recorded_at", "encounter_id")
        return rows.rename({"start": "started_at", "end": "ended_at", "fee_fen": "total_fee_fen"})

    @staticmethod
    def examinations(examinations: list[Examination]) -> Export:
        return Export(
            "county_hospital__ris__reports",
            pl.DataFrame(
                {
                    "person": [x.encounter.person.number for x in examinations],
                    "report_id": [x.report_id for x in examinations],
                    "encounter_id": [x.encounter.encounter_id for x in examinations],
                    "request_id": [x.request_id for x in examinations],
                    "modality": [x.modality for x in examinations],
                    "body_part": [x.body_part for x in examinations],
                    "examined": [x.examined for x in examinations],
                    "reported": [x.reported for x in examinations],
                    "conclusion": [x.conclusion for x in examinations],
                }
            ),
        )

    @staticmethod
    def front_pages(scene: Scene) -> Export:
        rows = scene.stays.filter(
            pl.col("organization_id") == TCM_HOSPITAL, pl.col("end").is_not_null()
        ).sort("end", "encounter_id")
        days = pl.col("end").dt.date() - pl.col("start").dt.date()
        return Export(
            "tcm_hospital__his__front_pages",
            rows.with_columns(
                days.dt.total_days().alias("stay_days"),
                pl.col("start").alias("admitted"),
                pl.col("end").alias("discharged"),
            ),
        )

    @staticmethod
    def prescriptions(scene: Scene) -> list[Export]:
        """Prescription lines of the TCM hospital; those of others are the pharmacies' concern."""
        feed = "tcm_hospital__his__prescriptions"
        visits = scene.visits.filter(
            pl.col("organization_id") == TCM_HOSPITAL, pl.col("drug_fee_fen") > 0
        )
        return [Export(feed, prescribed(visits, CHINESE + WESTERN[:4], scene.random(feed)))]

    @staticmethod
    def diagnoses(scene: Scene) -> list[Export]:
        """What centres and rooms diagnosed at visits and on admission, each in its own system."""
        found = []
        for visits in Exports.primary_care(scene):
            begun = visits.rows.filter(pl.col("started_at").dt.date() >= scene.month.first)
            rows = begun.with_columns(
                pl.lit(1, pl.Int64).alias("sequence"), pl.col("started_at").alias("diagnosed")
            )
            found.append(Export(visits.feed.replace("__visits", "__diagnoses"), rows))
        return found

    @staticmethod
    def settlements(rows: list[Settlement]) -> Export:
        fields = (
            "settlement_id", "hospital_code", "hospital_name", "service_class", "treatment_area",
            "admitted", "discharged", "settled", "diagnosis_code", "is_reversed",
        )  # fmt: skip
        return Export(
            "insurance_bureau__settlement__settlements",
            pl.DataFrame(
                {
                    "person": [s.person.number for s in rows],
                    **{name: [getattr(s, name) for s in rows] for name in fields},
                    "fee_fen": [s.fee for s in rows],
                    "fund_fen": [s.fund for s in rows],
                    "number_at_bureau": [s.person.insurance_number for s in rows],
                }
            ),
        )

    # public health ----------------------------------------------------------------------------

    @staticmethod
    def follow_ups(
        feed: str, visits: list[FollowUp], archive_ids: list[str], planted: list[Planted]
    ) -> Export:
        """Follow-ups with the archive number of each."""
        fields = (
            "visit_id", "organization_id", "staff_id", "day", "mode", "systolic", "diastolic",
            "heart_rate", "weight", "height", "glucose", "hba1c_percent", "result", "next_day",
        )  # fmt: skip
        return Export(
            feed,
            pl.DataFrame(
                {
                    "person": [v.person.number for v in visits],
                    **{name: [getattr(v, name) for v in visits] for name in fields},
                    "archive_id": archive_ids,
                    "local_id": archive_ids,
                },
                schema_overrides={
                    "systolic": pl.Int64, "diastolic": pl.Int64, "heart_rate": pl.Int64,
                    "glucose": pl.Float64, "hba1c_percent": pl.Float64,
                },
            ),
            planted,
        )  # fmt: skip

    @staticmethod
    def registrations(feed: str, said: list[Registration]) -> Export:
        """The register's news, each with the archive number of the patient."""
        return Export(
            feed,
            pl.DataFrame(
                {
                    "person": [r.person.number for r in said],
                    "registration_id": [r.number for r in said],
                    "local_id": [archive_number(r.organization_id, r.person) for r in said],
                    "organization_id": [r.organization_id for r in said],
                    "staff_id": [r.staff_id for r in said],
                    "disease": [CODES[r.disease] for r in said],
                    "registered": [r.registered for r in said],
                    "closed": [r.closed for r in said],
                    "reason": [r.reason for r in said],
                },
                schema_overrides={"closed": _DAY, "reason": pl.String},
            ),
        )

    @staticmethod
    def archives(feed: str, opened: list[Archive]) -> Export:
        people = [archive.person for archive in opened]
        numbers = [archive.number for archive in opened]
        return Export(
            feed,
            pl.DataFrame(
                {
                    "person": [p.number for p in people],
                    "archive_id": numbers,
                    "local_id": numbers,
                    "organization_id": [archive.organization_id for archive in opened],
                    "archived": [archive.opened for archive in opened],
                    "closed": [archive.closed for archive in opened],
                    "abo": ["12345"[p.number * 31 % 5] for p in people],
                    "rh": ["2" if p.number % 90 else "1" for p in people],
                    "hypertension": [p.hypertension for p in people],
                    "diabetes": [p.diabetes for p in people],
                },
                schema_overrides={"closed": _DAY},
            ),
        )

    # commission -------------------------------------------------------------------------------

    @staticmethod
    def organizations(scene: Scene) -> Export:
        rings = {o.organization_id: boundary_ring(o.organization_id) for o in ORGANIZATIONS}
        return Export(
            "health_commission__registry__organizations",
            scene.organizations.with_columns(
                pl.col("organization_id").replace_strict(rings, return_dtype=pl.String)
                .alias("ring"),
                pl.lit(date(2020, 1, 1)).alias("valid_from"),
                pl.lit(None, _DAY).alias("valid_to"),
            ),
        )  # fmt: skip

    @staticmethod
    def staff(scene: Scene) -> Export:
        rows = scene.staff.with_columns(
            pl.col("staff_id").alias("local_id"), pl.col("department_name").alias("department")
        )
        return Export("health_commission__registry__staff", rows)

    @staticmethod
    def beds(beds: dict[str, list[Bed]]) -> Export:
        rows = [
            (b.bed_id, b.organization_id, b.ward, b.opened, b.closed)
            for members in beds.values()
            for b in members
        ]
        schema: Schema = {
            "bed_id": pl.String, "organization_id": pl.String, "ward": pl.String,
            "opened": _DAY, "closed": _DAY,
        }  # fmt: skip
        return Export(
            "health_commission__registry__beds", pl.DataFrame(rows, schema=schema, orient="row")
        )

    @staticmethod
    def residents(everyone: list[Person], first_day: date, last_day: date) -> Export:
        """Who was registered or changed in these days, as known on the last."""
        noted = {
            p.number: day
            for p in everyone
            if first_day <= (day := max(p.registered, p.changed or p.registered)) <= last_day
        }
        people = [p for p in everyone if p.number in noted]
        fields = (
            "organization_id", "household_id", "relation", "is_permanent", "is_registered",
            "ethnicity", "marital", "registered", "moved_out",
        )  # fmt: skip
        frame = pl.DataFrame(
            {
                "person": [p.number for p in people],
                **{name: [getattr(p, name) for p in people] for name in fields},
                "noted": list(noted.values()),
            },
            schema_overrides={"moved_out": _DAY},
        )
        return Export("health_commission__registry__residents", frame)

    def births(self, born: list[tuple[Person, Person, datetime]]) -> Export:
        """Certificates name the newborn, who has no ID number yet, and the mother's phone.

        Twins are born in one hospital after as many weeks.
        """
        random = self._random
        frame = pl.DataFrame(
            {
                "child": [child.number for child, _, _ in born],
                "mother": [mother.number for _, mother, _ in born],
                "certificate_id": [f"CS{child.number:09d}" for child, _, _ in born],
                "organization_id": [
                    random.choice((COUNTY_HOSPITAL, COUNTY_HOSPITAL, TCM_HOSPITAL)) for _ in born
                ],
                "moment": [moment for _, _, moment in born],
                "weeks": [random.choice((37, 38, 39, 39, 40, 40, 41)) for _ in born],
                "weight": [round(random.gauss(3250, 380)) for _ in born],
                "name": [child.name for child, _, _ in born],
                "sex": [child.sex for child, _, _ in born],
                "birth": [child.birth for child, _, _ in born],
                "phone": [mother.phone for _, mother, _ in born],
                "address": [mother.address for _, mother, _ in born],
            }
        )
        delivery = ("mother", "birth")
        frame = frame.with_columns(pl.col("organization_id", "weeks").first().over(*delivery))
        return Export("health_commission__registry__births", frame)

    def deaths(self, dead: list[Person]) -> Export:
        causes = ("I63.900", "I21.900", "J44.900", "C34.900")
        numbers = [f"SW{p.number:09d}" for p in dead]
        frame = pl.DataFrame(
            {
                "person": [p.number for p in dead],
                "certificate_id": numbers,
                "local_id": numbers,
                "organization_id": [township_of(p.organization_id) for p in dead],
                "moment": [p.died for p in dead],
                "cause": [self._random.choice(causes) for _ in dead],
            }
        )
        return Export("health_commission__registry__deaths", frame)
