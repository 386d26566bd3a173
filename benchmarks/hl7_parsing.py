"""Parsing HL7 v2: our reader beside hl7apy and python-hl7, in one run on one core.

Messages are invented ORU^R01 with 20 OBX (about 1.5 kB). Ours delivers source tables (20 rows a
message, 21 paths); the peers only parse. Run: `python benchmarks/hl7_parsing.py [messages]`.
"""

import os
import sys

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # before Polars is imported: one core

import json
import time
from collections.abc import Callable
from contextlib import suppress

import hl7
from hl7apy.parser import parse_message

from ingestion.contract import profile
from ingestion.formats.hl7v2 import read
from ingestion.formats.source import SourceFile

RESULTS = 20
DEFAULT_MESSAGES = 12_000
BATCH = 4_000
PEER_MESSAGES = {"python-hl7": 500, "hl7apy": 20}
ROUNDS = 3


def oru(number: int) -> str:
    """One message with an invented person."""
    head = (
        f"MSH|^~\\&|LIS|H01|YG|YQ|20260301083000||ORU^R01^ORU_R01|M{number}|P|2.4"
        "||||||UNICODE UTF-8",
        f"PID|1||{number:08d}^^^H01^MR~653999198001010011^^^MPS^NNCHN~C{number}^^^WJW^HC||张三||19800101"
        "|M|||云泉县某路1号||10000000000",
        f"PV1|1|I|W01^^01^^^^^^内科||||D001^李四|||||||||||V{number}",
        f"OBR|1||R{number}|P01^血常规|||20260301080000|||||||||||||||20260301083000|||F",
    )  # fmt: skip
    results = (
        f"OBX|{n}|NM|T{n:03d}^检验项目{n}^LN||{n}.5|10*9/L|4.0-10.0|N|||F"
        for n in range(1, RESULTS + 1)
    )
    return "\r".join([*head, *results]) + "\r"


def _best(work: Callable[[], int]) -> float:
    """Messages a second, best of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - start))
    return max(rates)


def measure(messages: int = DEFAULT_MESSAGES) -> dict[str, float]:
    """Messages a second by reader, and ours over each peer."""
    mapping = profile("hl7v2", "oru")
    texts = [oru(number) for number in range(messages)]
    files = [SourceFile(f"{n}.hl7", text.encode()) for n, text in enumerate(texts)]

    def ours() -> int:
        for start in range(0, len(files), BATCH):
            part = files[start : start + BATCH]
            parsed = read(part, mapping, encoding="utf-8", options={})
            assert parsed.tables["laboratory_result"].height == RESULTS * len(part)
            assert not parsed.problems
        return len(files)

    def python_hl7() -> int:
        for text in texts[: PEER_MESSAGES["python-hl7"]]:
            hl7.parse(text)
        return min(PEER_MESSAGES["python-hl7"], len(texts))

    def peer_hl7apy() -> int:
        for text in texts[: PEER_MESSAGES["hl7apy"]]:
            parse_message(text, find_groups=False)
        return min(PEER_MESSAGES["hl7apy"], len(texts))

    rates = {"yigong": _best(ours), "python-hl7": _best(python_hl7), "hl7apy": _best(peer_hl7apy)}
    return rates | {
        "times_python_hl7": rates["yigong"] / rates["python-hl7"],
        "times_hl7apy": rates["yigong"] / rates["hl7apy"],
        "message_bytes": float(len(files[0].data)),
    }


def main() -> None:
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_MESSAGES
    figures = {name: round(value, 1) for name, value in measure(count).items()}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
