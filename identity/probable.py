"""What sure rules leave open: pairs weighed with Splink, on tokens.

Splink (MIT) is the Fellegi-Sunter model as SQL on DuckDB: every comparison adds evidence for or
against, rare values more than frequent ones. Nothing is estimated here: the weights are data
(`model.yml`), so the same records always give the same answer.

Belongs here: candidates, weights, guards. Not here: sure rules (`rules.py`), joining
(`cluster.py`).
Decision: docs/decisions/0017-identity.md.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from math import log2
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from identity.rules import PROBABLE, alike, near
from ingestion.yaml_file import read_yaml

MODEL = Path(__file__).with_name("model.yml")
FREQUENT = ("name_sound_token", "name_consonants_token", "phone_token", "address_token")
FEW = 10_000
"""With fewer values than these the shares would say that every name is frequent."""
FREQUENCY_SCHEMA: dict[str, pl.DataType] = {
    "column": pl.String(), "token": pl.String(), "share": pl.Float64(),
}  # fmt: skip
CANDIDATES: tuple[tuple[str, ...], ...] = (
    ("birth_date", "name_sound_token"), ("birth_date", "name_consonants_token"),
    ("birth_date", "phone_token"), ("birth_date", "address_token"),
    ("phone_token", "name_sound_token"), ("phone_token", "name_consonants_token"),
    ("address_token", "name_sound_token"), ("birth_date", "mother_token"),
    ("health_card_token",), ("insurance_token",), ("id_number_token",), ("id_written_token",),
)  # fmt: skip
"""Which pairs are looked at: those that are equal in all columns of one of these, so that none
costs a comparison of all with all."""
_OPEN = "l.cluster <> r.cluster and (l.person_number is null or r.person_number is null)"


def _equal(columns: tuple[str, ...]) -> str:
    return " and ".join(f"l.{column} = r.{column}" for column in columns)


class NotInstalled(RuntimeError):
    """Splink is missing from this environment; only sure rules can link."""


def is_installed() -> bool:
    """Whether pairs can be weighed in this environment."""
    return find_spec("splink") is not None


@dataclass(frozen=True)
class Model:
    """The weights in force; `said` is the file, `version` its date."""

    said: dict[str, Any]

    @property
    def version(self) -> str:
        return str(self.said["version"])

    @property
    def merge_above(self) -> float:
        return float(self.said["merge_above"])

    @property
    def review_above(self) -> float:
        return float(self.said["review_above"])

    def settings(self) -> dict[str, Any]:
        """The model as Splink reads it."""
        comparisons = []
        for name, one in self.said["comparisons"].items():
            known = one["known"]
            missing = f"{known}_l is null or {known}_r is null"
            levels: list[dict[str, Any]] = [
                {"sql_condition": missing, "label_for_charts": "缺", "is_null_level": True}
            ]
            for level in one["levels"]:
                made = {
                    "sql_condition": level.get("sql", "ELSE"), "label_for_charts": level["label"],
                    "m_probability": level["m"], "u_probability": level["u"],
                }  # fmt: skip
                if "frequency" in level:
                    made["tf_adjustment_column"] = level["frequency"]
                    made["tf_adjustment_weight"] = 1.0
                levels.append(made)
            comparisons.append({"output_column_name": name, "comparison_levels": levels})
        return {
            "link_type": "dedupe_only",
            "unique_id_column_name": "node",
            "probability_two_random_records_match": self.said["prior"],
            "comparisons": comparisons,
            "blocking_rules_to_generate_predictions": [
                {"blocking_rule": f"{_equal(columns)} and {_OPEN}", "sql_dialect": "duckdb"}
                for columns in CANDIDATES
            ],
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": False,
        }


@cache
def model() -> Model:
    return Model(read_yaml(MODEL))


def frequencies(nodes: pl.DataFrame) -> pl.DataFrame:
    """How often each value of the columns that have a frequency is given (`FREQUENCY_SCHEMA`)."""
    found = []
    for column in FREQUENT:
        values = nodes[column].drop_nulls()
        counted = values.alias("token").value_counts(name="n")
        share = (pl.col("n") / max(len(values), FEW)).alias("share")
        found.append(counted.select(pl.lit(column).alias("column"), "token", share))
    return pl.concat(found).cast(FREQUENCY_SCHEMA).sort("column", "token")  # type: ignore[arg-type]


def probable_pairs(nodes: pl.DataFrame, frequency: pl.DataFrame) -> pl.DataFrame:
    """Candidates of different groups with their probability, from the lower edge of review on.

    Args:
        nodes: As `rules.nodes_of` gives them, with `cluster`, the group so far.
        frequency: As `frequencies` gives it; a value that is not in it counts as the rarest.

    Returns:
        `left`, `right`, `score` and `weight` (log2 of the odds).

    Raises:
        NotInstalled: Splink is missing.
    """
    try:
        from splink import DuckDBAPI, Linker
    except ModuleNotFoundError as error:
        raise NotInstalled("splink") from error
    nodes = _in_question(nodes)
    shown = nodes.with_columns(pl.coalesce("id_number_token", "id_written_token").alias("id_any"))
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
        connection.register("nodes", shown.to_arrow())
        connection.execute("create table node_table as select * from nodes order by node")
        api = DuckDBAPI(connection=connection)
        registered = api.register("node_table")
        linker = Linker(registered, model().settings(), log_level=None, validate_settings=False)
        for column in FREQUENT:
            known = _frequency_of(column, nodes, frequency)
            connection.register(f"known_{column}", known.to_arrow())
            connection.execute(f"create table tf_{column} as select * from known_{column}")
            linker.table_management.register_term_frequency_lookup(
                api.register(f"tf_{column}"), column
            )
        odds = model().review_above / (1 - model().review_above)
        found = linker.inference.predict_within(
            registered, threshold_match_weight=log2(odds), warning_mode="never"
        )
        pairs = connection.execute(
            "select least(node_l, node_r) as left, greatest(node_l, node_r) as right, "
            f"match_probability as score, match_weight as weight from {found.physical_name} "
            "order by all"
        ).pl()
    return pairs


def _in_question(nodes: pl.DataFrame) -> pl.DataFrame:
    """Nodes without a valid ID number in their group, and all that could be a pair with them."""
    unproven = nodes.filter(pl.col("person_number").is_null())
    found = [unproven["node"]]
    for columns in CANDIDATES:
        sought = unproven.select(columns).drop_nulls().unique()
        found.append(nodes.select("node", *columns).join(sought, on=columns, how="semi")["node"])
    return nodes.filter(pl.col("node").is_in(pl.concat(found).unique().implode()))


def _frequency_of(column: str, nodes: pl.DataFrame, frequency: pl.DataFrame) -> pl.DataFrame:
    """The values of one column that the nodes hold with their share, as Splink looks them up."""
    table = frequency.filter(pl.col("column") == column).select("token", "share")
    rarest = table["share"].min() if table.height else 1 / FEW
    values = nodes.select(pl.col(column).alias("token")).drop_nulls().unique().sort("token")
    shares = values.join(table, on="token", how="left", maintain_order="left")
    return shares.select(
        pl.col("token").alias(column), pl.col("share").fill_null(rarest).alias(f"tf_{column}")
    )


def guarded(pairs: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Pairs with what keeps them from being joined or even asked about: `may_merge`, `may_ask`.

    - Names that are not alike are two people, whatever they share: twins share everything else.
      Only a shared number of a person's own is worth a clerk's question, and not of two born on
      one day in one house.
    - Generations apart is a mother and her child.
    """
    columns = (
        "name_token", "name_sound_token", "name_consonants_token", "birth_date", "mother_token",
        "id_number_token", "id_written_token", "health_card_token", "insurance_token",
        "surname_token", "sex_code",
    )  # fmt: skip
    side = nodes.select("node", *columns)
    found = pairs.join(side, left_on="left", right_on="node").join(
        side, left_on="right", right_on="node", suffix="_right"
    )
    same_name = alike().fill_null(True)
    years = (pl.col("birth_date").dt.year() - pl.col("birth_date_right").dt.year()).abs()
    generation = (years > 12).fill_null(False)
    born = near("birth_date", "birth_date_right").fill_null(True)
    other_sex = (pl.col("sex_code") != pl.col("sex_code_right")).fill_null(False)
    own = pl.any_horizontal(
        (pl.col(c) == pl.col(f"{c}_right")).fill_null(False)
        for c in ("id_number_token", "id_written_token", "health_card_token", "insurance_token")
    )
    twins = (pl.col("birth_date") == pl.col("birth_date_right")).fill_null(False) & (
        pl.col("surname_token") == pl.col("surname_token_right")
    ).fill_null(False)
    newborn = pl.col("mother_token").is_not_null() | pl.col("mother_token_right").is_not_null()
    return found.select(
        "left", "right", "score", "weight", newborn.alias("newborn"),
        (same_name & born & ~generation & ~other_sex).alias("may_merge"),
        ((same_name & ~(generation & newborn)) | (own & ~twins)).alias("may_ask"),
        pl.lit(PROBABLE).alias("rank"),
    )  # fmt: skip
