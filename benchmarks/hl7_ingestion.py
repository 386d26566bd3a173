"""HL7 v2 bytes to silver Parquet beside hl7apy and python-hl7 parsing alone, one run, one core.

Ours does everything a feed does: framing, parsing, conforming with row rules, repeats, tokens, the
vault, quarantine and the Parquet file. The peers only parse. Peers are timed on fewer messages and
given as a rate. Run: `.venv/bin/python benchmarks/hl7_ingestion.py [messages]`.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sys.path.insert(0, str(Path(__file__).parent.parent))

import hl7
from hl7apy.parser import parse_message

from ingestion.clock import now
from ingestion.contract import Contract
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake
from ingestion.landing import Landing
from ingestion.parse import parse
from ingestion.vault import Vault

OBX_PER_MESSAGE = 20
MESSAGES_PER_FILE = 500


def message(number: int) -> str:
    """One ORU^R01 with 20 numeric results, about 1.5 KB, of an invented patient."""
    head = [
        f"MSH|^~\\&|LIS|653999H01|PLATFORM|653999C01|20260105093000||ORU^R01|M{number:08d}|P|2.4"
        "|||||CHN|UNICODE UTF-8",
        f"PID|1||A{number % 3000:07d}^^^H01^MR~65399919600101{number % 1000:03d}0^^^MPS^NNCHN"
        f"||测试·甲{number % 3000}||19600101|F|||||10012345678",
        f"PV1|1|O|||||||||||||||||Z{number:08d}",
        f"OBR|1||R{number:08d}|CBC^血常规|||20260105080000|||||||||||||||20260105093000",
    ]
    items = [
        f"OBX|{i}|NM|{6690 + i}-2^项目{i}^LN||{(number + i) % 90 / 10 + 1}|10*9/L|4.00-10.00|N|||F"
        for i in range(1, OBX_PER_MESSAGE + 1)
    ]
    return "\r".join([*head, *items]) + "\r"


def contract() -> Contract:
    return Contract.model_validate(
        {
            "feed": "benchmark__lis__results", "label_zh": "基准", "member": "653999H01",
            "owner": "基准", "format": "hl7v2", "encoding": "utf-8", "profile": "oru",
            "location": {"kind": "directory", "pattern": "*.hl7"}, "arrives": {"every": "day"},
        }
    )  # fmt: skip


def rate(work: Callable[[], object], messages: int) -> float:
    """Messages a second, best of two rounds."""
    return messages / min(_seconds(work) for _ in range(2))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def seconds_to_silver(feed: Contract, files: list[SourceFile], rows: int) -> float:
    """From bytes to silver in a new lake; making the empty lake is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        lake, moment = Lake.open(Path(folder)), now()
        with Vault(lake.home) as vault:
            batch_id = f"{moment:%Y%m%dT%H%M%S%f}"
            landing = Landing(lake, feed, vault, batch_id, batch_id, moment)
            names = [(file.name, file.name) for file in files]
            started = time.perf_counter()
            outcome = landing.land(parse(feed, files), names, known=set())
            seconds = time.perf_counter() - started
    assert outcome.counts["laboratory_result"].accepted == rows
    return seconds


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    texts = [message(n) for n in range(count)]
    files = [
        SourceFile(f"{i}.hl7", "".join(texts[i : i + MESSAGES_PER_FILE]).encode())
        for i in range(0, count, MESSAGES_PER_FILE)
    ]
    feed = contract()

    rounds = [seconds_to_silver(feed, files, count * OBX_PER_MESSAGE) for _ in range(3)]
    sample = texts[:200]
    figures = {
        "yigong, bytes to silver": count / min(rounds[1:]),  # the first fills caches
        "yigong, parsing alone": rate(lambda: parse(feed, files), count),
        "python-hl7, parsing alone": rate(lambda: [hl7.parse(t) for t in sample], len(sample)),
        "hl7apy, parsing alone": rate(
            lambda: [parse_message(t, find_groups=False) for t in sample[:20]], 20
        ),
    }
    ours_rate = figures["yigong, bytes to silver"]
    print(
        f"ORU^R01 with {OBX_PER_MESSAGE} OBX, {len(texts[0].encode())} bytes, {count} messages,"
        " one core"
    )
    for name, value in figures.items():
        print(f"{name:28s} {value:10,.0f} messages/s   ours is {ours_rate / value:8.1f} x")


if __name__ == "__main__":
    main()
