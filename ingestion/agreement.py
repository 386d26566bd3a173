"""Whether silver holds exactly what the ledger has booked. Not here: mending it (`again.py`)."""

from collections import Counter

import pyarrow.parquet as pq

from ingestion.lake import Lake
from ingestion.landing import EMPTY, UNREADABLE
from ingestion.ledger import Ledger


class SilverDisagrees(RuntimeError):
    """Rows of silver are missing, or there are more of them than booked; nothing is published."""


def require_agreement(lake: Lake, ledger: Ledger, *, every_row: bool = False) -> None:
    """Compare what silver holds of every live batch with what is booked as accepted, by entity.

    Every file must be there. Rows are counted, from the files' footers, where a file is younger
    than the last agreement, for silver is never written in place.

    Args:
        every_row: Count the rows of all files.

    Raises:
        SilverDisagrees: names how many batches differ and the first of them.
    """
    booked = Counter({
        (row["batch_id"], row["entity"]): row["accepted"]
        for row in ledger.accepted()
        if row["entity"] not in (UNREADABLE, EMPTY) and row["accepted"]
    })  # fmt: skip
    for row in ledger.lapsed():
        booked[row["batch_id"], row["entity"]] += row["row_count"]
    mark = lake.home / "locks" / "agreed"
    agreed = int(mark.read_text("ascii")) if mark.exists() and not every_row else 0
    held: Counter[tuple[str, str]] = Counter()
    youngest = agreed
    for entity in lake.home.glob("silver/*"):
        if entity.name == "source_person":
            continue
        for path in entity.glob("*/*--*.parquet"):
            key = path.stem.split("--")[1], entity.name
            written = path.stat().st_mtime_ns
            if written > agreed or key not in booked:
                held[key] += pq.read_metadata(path).num_rows
                youngest = max(youngest, written)
            else:
                held[key] = booked[key]
    odd = sorted(key for key in booked.keys() | held.keys() if booked[key] != held[key])
    if odd:
        batch_id, name = odd[0]
        raise SilverDisagrees(
            f"白银层与台账不符：{len(odd)} 处不同，第一处是批次 {batch_id} 的 {name}"
            f"（台账 {booked[odd[0]]} 行，白银层 {held[odd[0]]} 行）；不发布。"
            "请运行 yigong rebuild --from-bronze 从青铜层重建，或用 yigong restore 从备份恢复"
        )
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(str(youngest), "ascii")
