"""What other departments see: drug sales, school absence, stocks, animals, signals, arrivals.

Belongs here: signals outside the health system, with the outbreak's traces. Not here: cases
(`infectious/`), schools themselves (`schools.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    chance,
    codes,
    days,
    drawn,
    hours_later,
    moments,
    normal,
    serial,
    settled,
    yearly,
)
from county.domains.outbreak import Outbreak, outbreak, planted_rows
from county.domains.schools import pupils, school_days
from county.scene import Document, Export, Scene

_WEEK_DAYS_OPEN = (8, 21)
_SYMPTOMS = ("fever", "cough", "diarrhoea", "rash")


class Domain:
    """The signals of a month; nothing is kept between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random, found = scene.random("health_signals"), outbreak(scene)
        yield self._sales(random, scene, found)
        yield from self._absences(random, scene, found)
        yield self._stocks(random, scene)
        yield self._animals(random, scene)
        yield self._signals(random, scene)
        yield self._arrivals(random, scene)

    def _sales(self, random: np.random.Generator, scene: Scene, found: Outbreak | None) -> Export:
        rates, month = self._rates, scene.month
        drugs = pl.DataFrame(rates["drugs"])
        # A cosine with its top at the turn of the year, one on average for `winter` 1.
        wave = (1 + np.cos((month.number - 0.5) / 6 * np.pi)) / 2
        weights = drugs["share"].to_numpy() * (1 + (drugs["winter"].to_numpy() - 1) * wave)
        expected = len(scene.people) * rates["sales_per_person_month"] * weights.sum()
        size = max(rates["least_sales"], int(random.poisson(expected)))
        chosen = random.choice(len(drugs), size, p=weights / weights.sum())
        shops = pl.DataFrame(rates["pharmacies"])
        rows = pl.DataFrame({
            "drug": chosen, "shop": random.integers(0, len(shops), size),
            "sold_at": moments(random, days(random, month.first, month.last, size),
                               opens=_WEEK_DAYS_OPEN[0], closes=_WEEK_DAYS_OPEN[1]),
            "in_outbreak": [False] * size,
        })  # fmt: skip
        if found is not None:
            rows = pl.concat([rows, self._outbreak_sales(random, found, drugs, shops)])
        rows = rows.sort("sold_at", "drug", "shop")
        size = len(rows)
        quantity = pl.Series(random.integers(1, 4, size))
        rows = rows.select(
            serial("XS", month, size).alias("sale_id"),
            shops["id"].gather(rows["shop"]).alias("pharmacy_id"),
            shops["name"].gather(rows["shop"]).alias("pharmacy_name"),
            shops["township"].gather(rows["shop"]).alias("township_code"),
            "sold_at", "in_outbreak", quantity.alias("quantity"),
            drugs["code"].gather(rows["drug"]).alias("drug_code"),
            drugs["name"].gather(rows["drug"]).alias("drug_name"),
            drugs["class"].gather(rows["drug"]).alias("drug_class_code"),
            (drugs["price_fen"].gather(rows["drug"]) * quantity).alias("amount_fen"),
            chance(random, rates["insurance_paid"], size).alias("is_insurance_paid"),
        )  # fmt: skip
        planted = planted_rows("outbreak", rows, "sale_id", pl.col("in_outbreak"))
        return Export("insurance_bureau__pharmacy__sales", rows, planted)

    def _outbreak_sales(
        self,
        random: np.random.Generator,
        found: Outbreak,
        drugs: pl.DataFrame,
        shops: pl.DataFrame,
    ) -> pl.DataFrame:
        """Antidiarrhoeal drugs bought in the township on the day of an onset or the next."""
        size = int(np.ceil(len(found.cases) * self._rates["outbreak_sales_per_case"]))
        onset = found.cases["onset_date"].gather(random.integers(0, len(found.cases), size))
        day = (onset.cast(pl.Datetime("us")) + timedelta(days=1)).dt.date()
        near = (shops["township"] == found.township).arg_true()
        near = near if len(near) else pl.Series(range(len(shops)))
        kind = (drugs["class"] == "antidiarrhoeal").arg_true()
        return pl.DataFrame({
            "drug": random.choice(kind.to_numpy().astype(np.int64), size),
            "shop": random.choice(near.to_numpy().astype(np.int64), size),
            "sold_at": moments(random, day, opens=8, closes=20),
            "in_outbreak": [True] * size,
        })  # fmt: skip

    def _absences(
        self, random: np.random.Generator, scene: Scene, found: Outbreak | None
    ) -> Iterator[Export]:
        rates, month = self._rates["absence"], scene.month
        children = pupils(scene, scene.seed)
        group = ["school_kind", "school_id", "school_name", "grade", "school_township"]
        classes = children.group_by(group).len("enrolled_count").sort("school_id", "grade")
        calendar = pl.DataFrame({"absence_date": school_days(month)})
        rows = classes.join(calendar, how="cross", maintain_order="left_right").with_columns(
            pl.col("enrolled_count").cast(pl.Int64),
        )
        share = rates["rate"] * yearly(month, rates["season"])
        absent = random.binomial(rows["enrolled_count"].to_numpy(), min(share, 1))
        ill = random.binomial(absent, rates["ill"])
        counts = {"absent_count": absent, "ill_count": ill}
        left, rest = ill, 1.0
        for symptom in _SYMPTOMS:
            part = random.binomial(left, rates["symptoms"][symptom] / rest)
            counts[f"{symptom}_count"] = part
            left, rest = left - part, rest - rates["symptoms"][symptom]
        rows = rows.with_columns(**{name: pl.Series(values) for name, values in counts.items()})
        rows = self._with_outbreak(rows, found)
        # The lowest grade reports every day, so that silence is not health; the others when needed.
        lowest = pl.col("grade") == pl.col("grade").min().over("school_id")
        rows = rows.filter(lowest | (pl.col("absent_count") > 0)).with_columns(
            pl.concat_str(pl.lit("QQ"), "school_id", pl.lit("N"), "grade",
                          pl.col("absence_date").dt.strftime("%Y%m%d")).alias("absence_id"),
            pl.col("school_kind").alias("school_kind_code"),
            pl.col("school_township").alias("township_code"),
        )  # fmt: skip
        small = pl.col("school_kind") == "kindergarten"
        schools, kindergartens = rows.filter(~small), rows.filter(small)
        planted = planted_rows("outbreak", schools, "absence_id", pl.col("ill_in_outbreak") > 0)
        yield Export("education_bureau__attendance__absences", schools, planted)
        yield Export("education_bureau__attendance__kindergarten_absences", kindergartens)

    def _with_outbreak(self, rows: pl.DataFrame, found: Outbreak | None) -> pl.DataFrame:
        """Pupils of the outbreak away with diarrhoea from their onset on."""
        if found is None:
            return rows.with_columns(pl.lit(0).alias("ill_in_outbreak"))
        length = self._rates["absence"]["outbreak_days"]
        away = (
            found.cases.select("school_id", "grade", "onset_date")
            .with_columns(pl.lit(list(range(length))).alias("offset"))
            .explode("offset")
            .with_columns(
                (pl.col("onset_date") + pl.duration(days=pl.col("offset"))).alias("absence_date")
            )
            .group_by("school_id", "grade", "absence_date")
            .len("ill_in_outbreak")
        )
        rows = rows.join(
            away, on=["school_id", "grade", "absence_date"], how="left", maintain_order="left"
        ).with_columns(pl.col("ill_in_outbreak").fill_null(0).cast(pl.Int64))
        room = pl.min_horizontal(
            "ill_in_outbreak", pl.col("enrolled_count") - pl.col("absent_count")
        )
        rows = rows.with_columns(room.alias("ill_in_outbreak"))
        return rows.with_columns(
            pl.col(name) + pl.col("ill_in_outbreak")
            for name in ("absent_count", "ill_count", "diarrhoea_count")
        )

    def _stocks(self, random: np.random.Generator, scene: Scene) -> Export:
        rates, month = self._rates, scene.month
        stores = pl.DataFrame(rates["stores"]).select(
            pl.col("id").alias("store_id"), pl.col("name").alias("store_name"),
            pl.col("organization").alias("organization_id"), "size",
        )  # fmt: skip
        items = pl.DataFrame(rates["items"]).select(
            pl.col("code").alias("item_code"), pl.col("name").alias("item_name"),
            pl.col("category").alias("stock_category_code"), pl.col("unit").alias("unit_name"),
            "reserve", "months",
        )  # fmt: skip
        rows = stores.join(items, how="cross", maintain_order="left_right")
        reserve = np.maximum(1, (rows["reserve"] * rows["size"]).to_numpy()).round()
        filled = np.maximum(0, random.normal(1.1, rates["stock_spread"], len(rows)))
        left = random.uniform(0.1, 1, len(rows)) * rows["months"].to_numpy() * 30
        return Export(
            "health_commission__emergency__stocks",
            rows.with_columns(
                pl.lit(month.last).alias("counted_date"),
                pl.Series("reserve_quantity", reserve.astype(np.int64)),
                pl.Series("quantity", (reserve * filled).round().astype(np.int64)),
                (pl.lit(month.last) + pl.duration(days=pl.lit(pl.Series(left.astype(np.int64)))))
                .alias("expires_date"),
            ),
        )  # fmt: skip

    def _towns(self, random: np.random.Generator, scene: Scene, size: int) -> pl.Series:
        towns = scene.organizations.filter(pl.col("level") == "township")["organization_id"]
        return codes(random, dict.fromkeys(towns, 1.0), size)

    def _animals(self, random: np.random.Generator, scene: Scene) -> Export:
        rates, month = self._rates["animals"], scene.month
        expected = rates["per_100000_month"] * len(scene.people) / 100_000
        size = max(rates["least"], int(random.poisson(expected)))
        kinds = pl.DataFrame(rates["kinds"])
        shares = kinds["share"].to_numpy()
        chosen = kinds[random.choice(len(kinds), size, p=shares / shares.sum())]
        herd = 1 + random.poisson(chosen["size"].to_numpy())
        sick = np.maximum(1, random.binomial(herd, 0.05))
        found = moments(random, days(random, month.first, month.last, size)).dt.truncate("1m")
        town = self._towns(random, scene, size)
        names = dict(zip(*scene.organizations.select("organization_id", "name"), strict=True))
        rows = chosen.select(
            pl.col("kind").alias("event_kind_code"), pl.col("disease").alias("disease_name"),
            pl.col("species").alias("species_name"),
            serial("DW", month, size).alias("event_id"), town.alias("township_code"),
            town.replace_strict(names, return_dtype=pl.String).str.replace("卫生院", "养殖点")
            .alias("place_name"),
            found.alias("found_at"),
            hours_later(random, found, 1, 40).dt.truncate("1m").alias("reported_at"),
            pl.Series("exposed_animal_count", herd), pl.Series("sick_animal_count", sick),
            pl.Series("dead_animal_count", random.binomial(sick, 0.2)),
            pl.Series("exposed_person_count", random.poisson(2, size) + 1),
        )  # fmt: skip
        return Export("cdc__exchange__animals", rows)

    def _signals(self, random: np.random.Generator, scene: Scene) -> Export:
        rates, month = self._rates["signals"], scene.month
        size = max(2, int(random.poisson(rates["per_month"])))
        kinds = pl.DataFrame(rates["kinds"])
        shares = kinds["share"].to_numpy()
        chosen = kinds[random.choice(len(kinds), size, p=shares / shares.sum())]
        observed = moments(random, days(random, month.first, month.last, size), opens=6, closes=23)
        rows = chosen.select(
            pl.col("source").alias("source_code"), "subject", "keyword",
            serial("XH", month, size).alias("signal_id"),
            codes(random, rates["levels"], size).alias("level_code"),
            observed.alias("observed_at"),
            hours_later(random, observed, 0.2, 6).alias("published_at"),
            self._towns(random, scene, size).alias("township_code"),
            pl.Series("mention_count", random.poisson(12, size) + 1),
            (pl.col("subject") + pl.lit("，待核实")).alias("summary"),
            chance(random, 0.6, size).alias("is_verified"),
        )  # fmt: skip
        return Export("cdc__exchange__signals", rows)

    def _arrivals(self, random: np.random.Generator, scene: Scene) -> Export:
        rates, month = self._rates["inbound"], scene.month
        people = drawn(random, settled(scene), rates["per_person_month"], rates["least"])
        size = len(people)
        area = codes(random, dict.fromkeys(rates["places"], 1.0), size)
        ill = chance(random, rates["symptom"], size)
        heat = np.where(ill.to_numpy(), 38.1, 36.6)
        arrived = moments(random, days(random, month.first, month.last, size), opens=5, closes=23)
        rows = people.select(
            "person", serial("LX", month, size).alias("arrival_id"),
            arrived.dt.truncate("1m").alias("arrived_at"),
            codes(random, rates["transports"], size).alias("transport_code"),
            area.replace_strict(rates["places"], return_dtype=pl.String).alias("departure_place"),
            area.alias("departure_area_code"),
            pl.col("township").alias("destination_township_code"),
            normal(random, heat, 0.2, size, low=35, high=41, digits=1)
            .alias("temperature_celsius"),
            ill.alias("has_symptom"),
            chance(random, rates["risk"], size).alias("is_from_risk_area"),
        )  # fmt: skip
        return Export("cdc__exchange__inbound_travel", rows)
