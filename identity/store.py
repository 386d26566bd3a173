"""Where links and their history are kept. Not here: the rules (`link.py`)."""

import json
from dataclasses import dataclass

import polars as pl

from identity.link import LINK_SCHEMA, link
from ingestion import silver
from ingestion.clock import now
from ingestion.lake import Lake, write_bytes, write_parquet
from ingestion.ledger import Ledger

_HISTORY_SCHEMA = {
    "absorbed_person_id": pl.String(),
    "kept_person_id": pl.String(),
    "merged_at": pl.Datetime("us", "Asia/Shanghai"),
}


@dataclass(frozen=True)
class LinkRun:
    """Source persons, the persons they are and the merges that happened; `is_new`: silver has
    changed since the last time."""

    source_persons: int
    persons: int
    merges: int
    is_new: bool = True


def update_links(lake: Lake) -> LinkRun:
    """Link all source persons of silver; writes `identity/person_link.parquet` and the history.

    Nothing is done when silver holds the batches it held the last time.
    """
    with Ledger(lake.home) as ledger:
        version = ledger.silver_versions().get("source_person", "")
    noted = lake.identity / "linked.json"
    if noted.exists():
        last = json.loads(noted.read_text("utf-8"))
        if last["silver"] == version:
            return LinkRun(last["source_persons"], last["persons"], 0, is_new=False)
    link_file = lake.identity / "person_link.parquet"
    history_file = lake.identity / "merge_history.parquet"
    known = pl.read_parquet(link_file) if link_file.exists() else pl.DataFrame(schema=LINK_SCHEMA)
    columns = [
        "source_person_id", "id_number_token", "health_card_token", "insurance_token",
        "name_token", "phone_token", "sex_code", "birth_date",
    ]  # fmt: skip
    source = silver.scan(lake, "source_person").select(columns).unique().collect()
    links, merges = link(source, known)
    moment = now()
    rows = [(m.absorbed, m.kept, moment) for m in merges]
    history = pl.DataFrame(rows, schema=_HISTORY_SCHEMA, orient="row")
    if history_file.exists():
        history = pl.concat([pl.read_parquet(history_file), history])
    write_parquet(history, history_file)
    write_parquet(links, link_file)
    run = LinkRun(len(links), links["person_id"].n_unique(), len(merges))
    said = {"silver": version, "source_persons": run.source_persons, "persons": run.persons}
    write_bytes(json.dumps(said).encode(), noted)
    return run


def source_persons(lake: Lake, person_id: str) -> list[str]:
    """The source persons linked to one person, in order; empty when there is no such person."""
    link_file = lake.identity / "person_link.parquet"
    if not link_file.exists():
        return []
    links = pl.read_parquet(link_file).filter(pl.col("person_id") == person_id)
    return links["source_person_id"].to_list()
