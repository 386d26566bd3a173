"""Satisfaction surveys of patients, staff and residents, interviews, and members rating each other.

Belongs here: who answers what. Not here: scores made of the answers (marts), checks on site
(`assessments/`). Answers are anonymous: no person leaves this module.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, drawn, hours_later, moments, serial, settled
from county.domains.picks import discharged, in_service, of_level
from county.roles import COUNTY_HOSPITAL, TCM_HOSPITAL
from county.scene import Export, Planted, Scene

FEEDS = {
    COUNTY_HOSPITAL: "county_hospital__satisfaction__answers",
    TCM_HOSPITAL: "tcm_hospital__satisfaction__answers",
}
SHARED = "consortium__performance__survey_answers"
PRIMARY = "health_commission__primary_assessment__answers"
_PREFIX = {
    FEEDS[COUNTY_HOSPITAL]: "MYA", FEEDS[TCM_HOSPITAL]: "MYB", SHARED: "MYG", PRIMARY: "MYJ",
}  # fmt: skip
_OUTPATIENT, _INPATIENT, _STAFF, _RESIDENT, _INTERVIEW, _MEMBER = "1", "2", "3", "4", "5", "6"
_ASKED: dict[str, pl.DataType | type[pl.DataType]] = {
    "organization_id": pl.String, "department_name": pl.String, "moment": pl.Datetime("us"),
    "person": pl.Int64, "respondent_kind_code": pl.String, "channel_code": pl.String,
}  # fmt: skip


class Domain:
    """Feeds of four survey systems."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        rows = [
            (kind, *question, "1" if kind != _MEMBER else "3")
            for kind, questions in rates["questions"].items()
            for question in questions
        ]
        schema = (
            "respondent_kind_code", "question_code", "dimension_code", "question_text", "mean",
            "answer_kind_code",
        )  # fmt: skip
        self._questions = pl.DataFrame(rows, schema=list(schema), orient="row")

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("surveys")
        quarterly = scene.month.index % 3 == 0
        for hospital, feed in FEEDS.items():
            asked = self._patients(scene, hospital, random)
            if quarterly:
                asked.append(self._staff(scene, ["hospital"], random, hospital))
            answers = self._answers(scene, feed, pl.concat(asked), random)
            cloned, planted = self._cloned(scene, feed, answers, random)
            yield Export(feed, pl.concat([answers, cloned]), planted)
        shared = [self._township_patients(scene, random)]
        if quarterly:
            shared.append(self._staff(scene, ["township"], random))
            shared.append(self._members(scene, random))
        yield Export(SHARED, self._answers(scene, SHARED, pl.concat(shared), random))
        primary = [self._residents(scene, random)]
        if quarterly:
            primary.append(self._interviews(scene, random))
        yield Export(PRIMARY, self._answers(scene, PRIMARY, pl.concat(primary), random))

    # who is asked -----------------------------------------------------------------------------

    def _patients(
        self, scene: Scene, hospital: str, random: np.random.Generator
    ) -> list[pl.DataFrame]:
        here = pl.col("organization_id") == hospital
        visits, stays = scene.visits.filter(here), discharged(scene).filter(here)
        share = self._rates["invited"]
        seen = drawn(random, visits, share["outpatient"], least=4).with_columns(
            pl.col("start").alias("moment")
        )
        left = drawn(random, stays, share["inpatient"], least=2).with_columns(
            pl.col("end").alias("moment")
        )
        return [
            self._asked(seen, _OUTPATIENT, "channels", random),
            self._asked(left, _INPATIENT, "channels", random),
        ]

    def _township_patients(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        care = of_level(scene, scene.visits, ["township"])
        seen = drawn(random, care, self._rates["invited"]["township"], least=4)
        seen = seen.with_columns(pl.col("start").alias("moment"))
        return self._asked(seen, _OUTPATIENT, "channels", random)

    def _staff(
        self, scene: Scene, levels: list[str], random: np.random.Generator,
        organization_id: str | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        team = of_level(scene, in_service(scene, scene.staff["category"].to_list()), levels)
        if organization_id is not None:
            team = team.filter(pl.col("organization_id") == organization_id)
        found = self._on_some_day(
            scene, drawn(random, team, self._rates["staff_answering"], least=2), random
        )
        # The department of a small team would name who answered.
        found = found.with_columns(pl.lit(None, pl.String).alias("department_name"))
        return self._asked(found, _STAFF, {"2": 1.0}, random)

    def _residents(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        adults = drawn(
            random, settled(scene, first_age=18), self._rates["invited"]["resident"], least=6
        ).with_columns(pl.lit(None, pl.String).alias("department_name"))
        return self._asked(
            self._on_some_day(scene, adults, random), _RESIDENT, "resident_channels", random
        )

    def _interviews(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        centres = of_level(scene, scene.organizations.drop("level"), ["township"])
        found = pl.concat([centres] * self._rates["interviewed"]).sort("organization_id")
        return self._asked(self._unnamed(scene, found, random), _INTERVIEW, {"6": 1.0}, random)

    def _members(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Every township centre rates both hospitals."""
        size = scene.organizations.filter(pl.col("level") == "township").height
        hospitals = scene.organizations.filter(pl.col("level") == "hospital")
        found = pl.concat([hospitals] * size)
        return self._asked(self._unnamed(scene, found, random), _MEMBER, {"2": 1.0}, random)

    def _unnamed(
        self, scene: Scene, frame: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        nobody = pl.lit(None, pl.Int64).alias("person")
        nowhere = pl.lit(None, pl.String).alias("department_name")
        return self._on_some_day(scene, frame.with_columns(nobody, nowhere), random)

    @staticmethod
    def _on_some_day(
        scene: Scene, frame: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        last = scene.month.last - timedelta(days=3)
        day = days(random, scene.month.first, last, len(frame))
        return frame.with_columns(moments(random, day).alias("moment"))

    def _asked(
        self, frame: pl.DataFrame, kind: str, channels: str | dict[str, float],
        random: np.random.Generator,
    ) -> pl.DataFrame:  # fmt: skip
        shares = self._rates[channels] if isinstance(channels, str) else channels
        return frame.with_columns(
            pl.lit(kind).alias("respondent_kind_code"),
            codes(random, shares, len(frame)).alias("channel_code"),
        ).select(pl.col(name).cast(kind) for name, kind in _ASKED.items())

    # what is answered -------------------------------------------------------------------------

    def _answers(
        self, scene: Scene, feed: str, asked: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One row an answer; a questionnaire's questions follow each other."""
        size = len(asked)
        age = (
            pl.when(pl.col("age") < 18)
            .then(pl.lit("1"))
            .when(pl.col("age") < 45)
            .then(pl.lit("2"))
            .when(pl.col("age") < 65)
            .then(pl.lit("3"))
            .when(pl.col("age") >= 65)
            .then(pl.lit("4"))
        )
        low, high = self._rates["seconds_per_question"]
        papers = (
            asked.join(
                scene.people.select("person", "sex", "age"),
                on="person", how="left", maintain_order="left",
            )
            .drop("person")
            .with_columns(
                serial(_PREFIX[feed], scene.month, size).alias("response_id"),
                (pl.lit(f"D{scene.month.compact}-") + pl.col("respondent_kind_code"))
                .alias("survey_id"),
                self._answered_at(asked, random).alias("answered_at"),
                pl.col("sex").alias("respondent_sex_code"),
                age.alias("respondent_age_code"),
                pl.Series("_mood", random.normal(0, self._rates["mood"], size)),
                pl.Series("_pace", random.uniform(low, high, size)),
                (~chance(random, self._rates["invalid"], size)).alias("is_valid"),
                chance(random, self._rates["words"], size).alias("_talks"),
            )
        )  # fmt: skip
        scored = papers.join(
            self._questions, on="respondent_kind_code", maintain_order="left_right"
        )
        noise = pl.Series(random.normal(0, self._rates["spread"], len(scored)))
        points = (pl.col("mean") + pl.col("_mood") + noise).round(0).clip(1, 5).cast(pl.Int64)
        scored = scored.with_columns(
            points.alias("points"), pl.lit(None, pl.String).alias("answer_text")
        )
        together = pl.concat([scored.drop("mean"), self._words(papers, scored, random)])
        asked_count = pl.len().over("response_id")
        talk = pl.when(pl.col("respondent_kind_code") == _INTERVIEW).then(120).otherwise(1)
        return together.sort("response_id", "question_code").with_columns(
            (asked_count * pl.col("_pace") * talk).round(0).cast(pl.Int64)
            .alias("answering_seconds"),
            (pl.col("points") * 20).alias("answer_score"),
        ).drop("sex", "age", "moment", "_mood", "_pace", "_talks")  # fmt: skip

    @staticmethod
    def _answered_at(asked: pl.DataFrame, random: np.random.Generator) -> pl.Expr:
        """On the spot within the hour, by telephone link within two days; nobody answers at
        night."""
        soon = hours_later(random, asked["moment"], 0.05, 0.5)
        later = hours_later(random, asked["moment"], 1, 44)
        at = (
            pl.when(pl.col("channel_code").is_in(["1", "2"]))
            .then(pl.lit(later))
            .otherwise(pl.lit(soon))
        )
        return pl.when(at.dt.hour() < 7).then(at.dt.offset_by("8h")).otherwise(at)

    def _words(
        self, papers: pl.DataFrame, scored: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """The open question of those who like to write; an interview is nothing but words."""
        asked = self._rates["words_asked"]
        kind = pl.col("respondent_kind_code")
        talking = papers.filter(pl.col("_talks") | (kind == _INTERVIEW))
        wordings = pl.DataFrame(
            list(self._rates["wordings"].items()),
            schema=[("respondent_kind_code", pl.String), ("_wordings", pl.List(pl.String))],
            orient="row",
        )
        which = pl.Series(random.integers(0, 1 << 20, len(talking)))
        found = talking.join(
            wordings, on="respondent_kind_code", how="left", maintain_order="left"
        ).with_columns(
            kind.replace_strict({k: q[0] for k, q in asked.items()}).alias("question_code"),
            kind.replace_strict({k: q[1] for k, q in asked.items()}).alias("question_text"),
            pl.lit("2").alias("answer_kind_code"),
            pl.col("_wordings").list.get(which % pl.col("_wordings").list.len())
            .alias("answer_text"),
            *(pl.lit(None, scored.schema[n]).alias(n) for n in ("dimension_code", "points")),
        )  # fmt: skip
        return found.select(scored.drop("mean").columns)

    def _cloned(
        self, scene: Scene, feed: str, answers: pl.DataFrame, random: np.random.Generator
    ) -> tuple[pl.DataFrame, list[Planted]]:
        """Perfect questionnaires filled within seconds of each other by one hand."""
        count = self._rates["cloned"]
        papers = answers.select("response_id").n_unique()
        model = answers.filter(
            (pl.col("respondent_kind_code") == _OUTPATIENT) & pl.col("points").is_not_null()
        )
        model = model.filter(pl.col("response_id") == model["response_id"][0])
        made = serial(_PREFIX[feed], scene.month, count, papers + 1)
        late = int(random.integers(21, 23))
        evening = scene.month.last - timedelta(days=int(random.integers(1, 20)))
        copies = []
        for order, number in enumerate(made):
            moment = pl.lit(evening).cast(pl.Datetime("us")) + pl.duration(
                hours=late, seconds=17 * order
            )
            copies.append(
                model.with_columns(
                    pl.lit(number).alias("response_id"),
                    moment.alias("answered_at"),
                    pl.lit(14, pl.Int64).alias("answering_seconds"),
                    pl.lit(5, pl.Int64).alias("points"),
                    pl.lit(100, pl.Int64).alias("answer_score"),
                    pl.lit(True).alias("is_valid"),
                )
            )
        return pl.concat(copies), [Planted("cloned_questionnaire", number) for number in made]
