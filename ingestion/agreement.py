"""Whether silver holds exactly what the ledger has booked. Not here: mending it (`again.py`)."""

from collections import Counter

import pyarrow.parquet as pq

from ingestion.lake import Lake
from ingestion.landing import EMPTY, UNREADABLE
from ingestion.ledger import Ledger


class SilverDisagrees(RuntimeError):
    """Rows of silver are missing, or there are more of them than booked; nothing is published."""


def require_agreement(lake: Lake, ledger: Ledger) -> None:
    """Compare the rows of every live batch with what is booked as accepted, by entity.

    Row counts are read from the files' footers.

    Raises:
        SilverDisagrees: names how many batches differ and the first of them.
    """
    booked = Counter({
        (row["batch_id"], row["entity"]): row["accepted"]
        for row in ledger.accepted()
        if row["entity"] not in (UNREADABLE, EMPTY) and row["accepted"]
    })  # fmt: skip
    held: Counter[tuple[str, str]] = Counter()
    for path in lake.home.glob("silver/*/*/*--*.parquet"):
        entity = path.parent.parent.name
        if entity != "source_person":
            held[path.stem.split("--")[1], entity] += pq.read_metadata(path).num_rows
    odd = sorted(key for key in booked.keys() | held.keys() if booked[key] != held[key])
    if odd:
        batch_id, entity = odd[0]
        raise SilverDisagrees(
            f"白银层与台账不符：{len(odd)} 处不同，第一处是批次 {batch_id} 的 {entity}"
            f"（台账 {booked[odd[0]]} 行，白银层 {held[odd[0]]} 行）；不发布。"
            "请运行 yigong rebuild --from-bronze 从青铜层重建，或用 yigong restore 从备份恢复"
        )
