"""Records that return from national systems, and notices of the regional platform.

Belongs here: what comes from above the county about its residents. Not here: what the county sends
up (`public_health/infectious/`, `shared_documents/`).
"""

from collections.abc import Iterator
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
    serial,
    settled,
)
from county.scene import Document, Export, Scene


class Domain:
    """Nothing is kept between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("returned_records")
        rows = self._records(random, scene)
        paged = (pl.int_range(pl.len()) % 10) < round(10 * self._rates["paged"])
        yield Export("consortium__national_return__records", rows.filter(~paged))
        yield Export("consortium__national_return__pages", rows.filter(paged))
        yield self._notifications(random, scene)

    def _records(self, random: np.random.Generator, scene: Scene) -> pl.DataFrame:
        rates, month = self._rates, scene.month
        people = drawn(random, settled(scene), rates["per_person_month"], rates["least"])
        size = len(people)
        kinds = pl.DataFrame(rates["kinds"])
        shares = kinds["share"].to_numpy()
        kind = kinds[random.choice(len(kinds), size, p=shares / shares.sum())]
        day = days(random, month.first, month.last, size)
        fen = np.round(random.gamma(1.4, rates["settlement_fen"] / 1.4, size)).astype(np.int64)
        return people.select("person").hstack(kind).select(
            "person", pl.col("kind").alias("record_kind_code"),
            serial("HL", month, size).alias("returned_record_id"),
            pl.col("system").alias("source_system_name"),
            serial("GJ", month, size, 500_000).alias("source_record_number"),
            codes(random, rates["areas"], size).alias("source_area_code"),
            day.alias("event_date"),
            pl.col("item").alias("item_code"), pl.col("name").alias("item_name"),
            pl.col("result").alias("result_text"),
            pl.when(pl.col("kind") == "settlement").then(pl.Series(fen)).alias("amount_fen"),
            hours_later(random, moments(random, day), 1, 60).alias("returned_at"),
            codes(random, rates["states"], size).alias("use_state_code"),
        )  # fmt: skip

    def _notifications(self, random: np.random.Generator, scene: Scene) -> Export:
        rates, month = self._rates["notifications"], scene.month
        people = drawn(random, settled(scene), rates["per_person_month"], rates["least"])
        size = len(people)
        registered = moments(
            random, days(random, month.first, month.last, size), opens=0, closes=22
        )
        read = chance(random, rates["retrieved"], size)
        return Export("consortium__regional_platform__notifications", people.select(
            "person", serial("TZ", month, size).alias("notification_id"),
            codes(random, rates["events"], size).alias("event_name"),
            serial("QYWD", month, size).alias("document_id"),
            codes(random, dict.fromkeys(rates["sources"], 1.0), size)
            .alias("source_organization_name"),
            hours_later(random, registered, 0.01, 1).alias("sent_at"),
            registered.alias("registered_at"), read.alias("is_retrieved"),
            pl.when(read).then(hours_later(random, registered, 1.1, 48)).alias("retrieved_at"),
        ))  # fmt: skip
