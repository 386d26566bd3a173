"""Marriages as civil affairs registers them, moves as public security does.

Belongs here: how the month's changes reach the registers. Not here: who marries or moves
(`county/movement.py`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from county.domains.draws import chance, codes, serial
from county.roles import CIVIL_AFFAIRS, COUNTY, PUBLIC_SECURITY
from county.scene import Export, Scene

MARRIAGES = "civil_affairs__registry__marriages"
MOVES = "public_security__household__moves"


class Domain:
    """The two registers."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export]:
        yield Export(MARRIAGES, self._marriages(scene))
        yield Export(MOVES, self._moves(scene))

    def _marriages(self, scene: Scene) -> pl.DataFrame:
        """Two rows a couple, the husband's first."""
        random, couples = scene.random("marriages"), scene.marriages
        couples = couples.with_columns(
            serial("JH", scene.month, len(couples)).alias("certificate_id"),
            chance(random, self._rates["examined"], len(couples)).alias("is_examined"),
        )
        parts = [
            couples.select(
                "certificate_id", pl.col(spouse).alias("person"), pl.lit(party).alias("party"),
                pl.col("day").alias("registered"), "is_examined",
                pl.lit(CIVIL_AFFAIRS).alias("organization_id"),
            )
            for spouse, party in (("husband", "1"), ("wife", "2"))
        ]  # fmt: skip
        return pl.concat(parts).sort("certificate_id", "party")

    def _moves(self, scene: Scene) -> pl.DataFrame:
        """One row a person."""
        random, moves = scene.random("moves"), scene.moves
        return moves.with_columns(
            serial("QY", scene.month, len(moves)).alias("change_id"),
            pl.when("inward").then(pl.lit("1")).otherwise(pl.lit("2")).alias("direction"),
            pl.when("inward").then("elsewhere").otherwise(pl.lit(COUNTY)).alias("from_division"),
            pl.when("inward").then(pl.lit(COUNTY)).otherwise("elsewhere").alias("to_division"),
            codes(random, self._rates["reasons"], len(moves)).alias("reason"),
            pl.lit(PUBLIC_SECURITY).alias("organization_id"),
        )  # fmt: skip
