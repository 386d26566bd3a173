"""Who is who, measured: precision, recall, twins, newborns and seconds, beside plain Splink.

The people are those of `county/hard_persons.py`. Tokens are made as ingestion makes them, linking
runs as `yigong run` does, first all and then one source person in a hundred anew. The peer is
Splink with its stock comparisons, trained as its guide says, on the plain text of the same rows.

Run: `.venv/bin/python benchmarks/identity.py --residents 20000 [--without-peer]`.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import polars as pl

PROJECT = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.county import peak_gigabytes  # noqa: E402
from county.hard_persons import MEMBERS, HardPersons  # noqa: E402
from identity import store  # noqa: E402
from ingestion.booking import Batch  # noqa: E402
from ingestion.clock import now  # noqa: E402
from ingestion.conform import clean  # noqa: E402
from ingestion.contract import Contract  # noqa: E402
from ingestion.crosswalk import Codes  # noqa: E402
from ingestion.definition import Definition  # noqa: E402
from ingestion.entity import entities  # noqa: E402
from ingestion.lake import Lake, write_parquet  # noqa: E402
from ingestion.ledger import Ledger  # noqa: E402
from ingestion.person import people  # noqa: E402
from ingestion.site import find_site  # noqa: E402
from ingestion.vault import Vault  # noqa: E402

BLOCK = (
    "local_id", "person_name", "sex_code", "birth_date", "id_number", "health_card_number",
    "insurance_number", "phone", "address",
)  # fmt: skip
T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    done = work()
    return done, time.perf_counter() - started


def tokens(rows: pl.DataFrame, vault: Vault, codes: Codes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of silver/source_person, and the source person of every row with the truth."""
    silver, truth = [], []
    for (member,), part in rows.group_by("member", maintain_order=True):
        number = MEMBERS.index(str(member))
        contract = Contract.model_validate({
            "feed": f"{member}__his__visits", "label_zh": "基准", "member": f"653999T0{number}",
            "owner": "基准", "format": "tabular", "arrives": {"every": "day"}, "codes": codes,
            "location": {"kind": "directory", "pattern": "x/*.csv"},
            "entity": "hypertension_visit", "fields": {"visit_id": {"from": "local_id"}},
            "person": {name: {"from": name} for name in BLOCK},
        })  # fmt: skip
        source = part.select(
            *BLOCK, _file=pl.lit(0, pl.Int32), _record=pl.int_range(pl.len(), dtype=pl.Int64),
            _item=pl.lit(1, pl.Int64),
        )  # fmt: skip
        found = people(
            clean(source), fields=contract.mapping().person, contract=contract, vault=vault
        )
        silver.append(found.rows.with_columns(
            feed=pl.lit(contract.feed), member_id=pl.lit(contract.member),
            record_number=pl.col("_record"), item_number=pl.lit(1), file_number=pl.lit(0),
        ))  # fmt: skip
        truth.append(part.select("person", "kind").with_columns(
            found.links.sort("_record")["source_person_id"]
        ))  # fmt: skip
    return pl.concat(silver), pl.concat(truth).unique("source_person_id", maintain_order=True)


def deliver(lake: Lake, ledger: Ledger, rows: pl.DataFrame) -> None:
    """Put rows into silver as one batch of one feed would."""
    moment = now()
    batch_id = ledger.next_batch_id(moment)
    schema = entities()["source_person"].schema()
    frame = rows.with_columns(batch_id=pl.lit(batch_id), arrival_batch_id=pl.lit(batch_id))
    missing = [pl.lit(None, t).alias(n) for n, t in schema.items() if n not in frame.columns]
    frame = frame.with_columns(missing).select(pl.col(n).cast(t) for n, t in schema.items())
    write_parquet(frame, lake.silver_file("source_person", "bench__his__all", batch_id, batch_id))
    ledger.commit(Batch(
        batch_id=batch_id, feed="bench__his__all", member_id="653999T00", received_at=moment,
        definition=Definition({}), files=[], records=0, counts={}, persons=rows.height,
    ))  # fmt: skip


def judged(found: pl.DataFrame, truth: pl.DataFrame) -> dict[str, float]:
    """Pairwise precision and recall, people who are two twins or a mother and her newborn, and
    newborns without a person.

    Args:
        found: `source_person_id` and `person_id`.
    """
    both = truth.join(found, on="source_person_id", how="left")

    def pairs(*by: str) -> int:
        size = pl.len().cast(pl.Int64)
        counted = both.drop_nulls(list(by)).group_by(by).agg((size * (size - 1) // 2).alias("n"))
        return int(counted["n"].sum())

    right, said, true = pairs("person", "person_id"), pairs("person_id"), pairs("person")
    mixed = both.drop_nulls("person_id").filter(
        pl.col("person").n_unique().over("person_id") > 1
    )  # fmt: skip
    born = both.filter(pl.col("kind") == "newborn")
    lost = born["person_id"].null_count() + mixed.filter(pl.col("kind") == "newborn").height
    precision, recall = right / max(said, 1), right / max(true, 1)
    return {
        "precision": precision, "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "twins_merged": mixed.filter(pl.col("kind") == "twin")["person_id"].n_unique(),
        "newborns_lost": lost, "newborns": born.height,
        "mixed_people": mixed["person_id"].n_unique(),
    }  # fmt: skip


def plain_splink(rows: pl.DataFrame) -> pl.DataFrame:
    """Splink with its stock comparisons, trained as its guide says; `row` and `person_id`."""
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    table = rows.select(pl.int_range(pl.len()).alias("unique_id"), *BLOCK)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.NameComparison("person_name").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("birth_date", input_is_string=True),
            cl.ExactMatch("sex_code"),
            cl.ExactMatch("id_number").configure(term_frequency_adjustments=True),
            cl.ExactMatch("health_card_number").configure(term_frequency_adjustments=True),
            cl.ExactMatch("insurance_number").configure(term_frequency_adjustments=True),
            cl.ExactMatch("phone").configure(term_frequency_adjustments=True),
            cl.ExactMatch("address").configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("id_number"), block_on("health_card_number"),
            block_on("person_name", "birth_date"), block_on("phone", "birth_date"),
        ],
    )  # fmt: skip
    with duckdb.connect(config={"threads": 2, "memory_limit": "6GB"}) as connection:
        connection.register("given", table.to_arrow())
        connection.execute("create table rows_table as select * from given")
        api = DuckDBAPI(connection=connection)
        linker = Linker(api.register("rows_table"), settings, log_level=None)
        rules = [block_on("id_number"), block_on("person_name", "birth_date", "phone")]
        linker.training.estimate_probability_two_random_records_match(rules, recall=0.7)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=7)
        for rule in (block_on("person_name", "birth_date"), block_on("id_number")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        pairs = linker.inference.predict(threshold_match_probability=0.9)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, 0.95)
        return connection.execute(
            "select unique_id as row, cluster_id::varchar as person_id "
            f"from {clusters.physical_name}"
        ).pl()


def measure(residents: int, seed: int, ground: Path, *, peer: bool) -> dict[str, object]:
    """All figures of one population."""
    rows, made = timed(lambda: HardPersons(residents, seed).rows())
    lake = Lake.open(ground / "lake")
    codes = find_site("demo").codes
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        (silver, truth), tokenised = timed(lambda: tokens(rows, vault, codes))
        keys = silver["source_person_id"].unique().sort().sample(
            fraction=0.01, seed=seed, shuffle=False
        )  # fmt: skip
        late = pl.col("source_person_id").is_in(keys.implode())
        deliver(lake, ledger, silver.filter(~late))
        _, full = timed(lambda: store.update_links(lake))
        deliver(lake, ledger, silver.filter(late))
        run, delta = timed(lambda: store.update_links(lake))
        links = store.read(lake, "person_link", store.LINK_SCHEMA)
        (_, moved), again = timed(lambda: store.relink(lake, dry_run=True))
    report: dict[str, object] = {
        "residents": residents, "rows": rows.height, "source_persons": links.height,
        "seconds": {"population": made, "tokens": tokenised, "full": full, "delta_1_percent": delta,
                    "full_again_dry": again},
        "full_by_delta": full / delta, "moved_by_full_after_delta": moved.height,
        "review": run.review, "conflicts": run.conflicts, "peak_gigabytes": peak_gigabytes(),
        "yigong": judged(links.select("source_person_id", "person_id"), truth),
    }  # fmt: skip
    if peer:
        found, seconds = timed(lambda: plain_splink(rows))
        person = pl.DataFrame({"row": range(rows.height)}).join(found, on="row", how="left")
        theirs = rows.select("person", "kind").with_columns(
            person["person_id"], source_person_id=pl.int_range(pl.len()).cast(pl.String)
        )
        report["plain_splink"] = {
            "seconds": seconds,
            **judged(theirs.select("source_person_id", "person_id"), theirs.drop("person_id")),
        }
        report["peak_gigabytes"] = peak_gigabytes()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--without-peer", action="store_true")
    given = parser.parse_args()
    ground = Path(tempfile.mkdtemp(prefix="yigong-identity-"))
    try:
        report = measure(given.residents, given.seed, ground, peer=not given.without_peer)
    finally:
        shutil.rmtree(ground)
    print(json.dumps(report, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
