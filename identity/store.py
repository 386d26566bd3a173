"""Where links and their history are kept. Not here: the rules (`link.py`)."""

from dataclasses import dataclass

import polars as pl

from identity.link import LINK_SCHEMA, link
from ingestion.clock import now
from ingestion.lake import Lake, write_parquet

_HISTORY_SCHEMA = {
    "absorbed_person_id": pl.String(),
    "kept_person_id": pl.String(),
    "merged_at": pl.Datetime("us", "Asia/Shanghai"),
}


@dataclass(frozen=True)
class LinkRun:
    source_persons: int
    persons: int
    merges: int


def update_links(lake: Lake) -> LinkRun:
    """Link all source persons of silver; writes `identity/person_link.parquet` and the history."""
    link_file = lake.identity / "person_link.parquet"
    history_file = lake.identity / "merge_history.parquet"
    known = pl.read_parquet(link_file) if link_file.exists() else pl.DataFrame(schema=LINK_SCHEMA)
    columns = [
        "source_person_id", "id_number_token", "health_card_token", "insurance_token",
        "name_token", "phone_token", "sex_code", "birth_date",
    ]  # fmt: skip
    files = sorted(lake.silver("source_person").glob("*/*.parquet"))
    source = pl.read_parquet(files, columns=columns, hive_partitioning=False).unique()
    links, merges = link(source, known)
    moment = now()
    rows = [(m.absorbed, m.kept, moment) for m in merges]
    history = pl.DataFrame(rows, schema=_HISTORY_SCHEMA, orient="row")
    if history_file.exists():
        history = pl.concat([pl.read_parquet(history_file), history])
    write_parquet(history, history_file)
    write_parquet(links, link_file)
    return LinkRun(len(links), links["person_id"].n_unique(), len(merges))


def source_persons(lake: Lake, person_id: str) -> list[str]:
    """The source persons linked to one person, in order; empty when there is no such person."""
    link_file = lake.identity / "person_link.parquet"
    if not link_file.exists():
        return []
    links = pl.read_parquet(link_file).filter(pl.col("person_id") == person_id)
    return links["source_person_id"].to_list()
