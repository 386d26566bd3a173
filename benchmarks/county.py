"""A county made and taken in: seconds, peak memory, files, bytes and rows by format.

Each step runs in a process of its own, which tells its own peak; every feed is taken in as `yigong
ingest` does and the lake is compared with the answer key at the end. HL7 v2 beside its peers comes
from `hl7_ingestion.py` in the same run.

Run: `.venv/bin/python benchmarks/county.py --residents 300000 --months 12 --profile county`;
`--page` writes `docs/benchmarks.md`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "benchmarks.md"
BY_HAND = "<!-- measured by hand, kept when the page is written -->"
sys.path.insert(0, str(PROJECT))


def peak_gigabytes() -> float:
    """The peak resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1e6


def generate(out: Path, residents: int, months: int, profile: str) -> dict[str, object]:
    from county.build import build_county

    started = time.perf_counter()
    summary = build_county(residents, months, 7, out, profile=profile)
    return {
        "seconds": time.perf_counter() - started, "peak": peak_gigabytes(),
        "files": summary.files, "bytes": summary.size, "digest": summary.digest,
    }  # fmt: skip


def take_in(inbox: Path) -> dict[str, object]:
    """Seconds, files, bytes and rows by format."""
    from ingestion.choice import choose_site
    from ingestion.ingest import ingest_feed
    from ingestion.lake import Lake
    from ingestion.ledger import Ledger
    from ingestion.site import find_site
    from ingestion.vault import Vault

    lake = Lake.open()
    choose_site(lake.home, find_site("demo"))
    by_format: dict[str, dict[str, float]] = {}
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        for contract in lake.site.contracts.values():
            started = time.perf_counter()
            run = ingest_feed(lake, contract, vault=vault, ledger=ledger, inbox=inbox)
            size = ledger.database.execute(
                "select coalesce(sum(bytes), 0) from file where feed = ?", (contract.feed,)
            ).fetchone()[0]
            ending = contract.location.pattern.rsplit(".", 1)[-1]
            name = contract.format + (f" ({ending})" if contract.format == "tabular" else "")
            row = by_format.setdefault(
                name, {"feeds": 0, "files": 0, "bytes": 0, "rows": 0, "seconds": 0}
            )
            row["feeds"] += 1
            row["files"] += run.files
            row["bytes"] += size
            row["rows"] += run.count.received
            row["seconds"] += time.perf_counter() - started
    return {"formats": by_format, "peak": peak_gigabytes()}


def compare(out: Path) -> dict[str, object]:
    from ingestion.lake import Lake
    from pipelines.county_check import check_county

    found = check_county(Lake.open(), out)
    return {
        "rows": found.rows, "refusals": found.refusals, "unmapped": found.unmapped,
        "balanced": found.balanced, "differences": found.differences,
    }  # fmt: skip


def step(*words: str, home: Path) -> dict[str, object]:
    """One step in its own process."""
    told = subprocess.run(
        [sys.executable, __file__, *words],
        env=os.environ | {"YIGONG_HOME": str(home)}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    found: dict[str, object] = json.loads(told.stdout)
    return found


def report(given: argparse.Namespace) -> str:
    """The whole measurement as Markdown."""
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        home, out = Path(scratch) / "lake", Path(scratch) / "county"
        home.mkdir()
        size = (str(given.residents), str(given.months), given.profile)
        load = os.getloadavg()[0]
        made = step("generate", str(out), *size, home=home)
        print(json.dumps(made), file=sys.stderr)
        taken = step("ingest", str(out / "inbox"), home=home)
        print(json.dumps(taken), file=sys.stderr)
        compared = step("compare", str(out), home=home)
        print(json.dumps(compared)[:2000], file=sys.stderr)
    peers = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("hl7_ingestion.py"))],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    return _page(given, load, made, taken, compared, peers)


def _page(given, load, made, taken, compared, peers) -> str:  # type: ignore[no-untyped-def]
    formats = taken["formats"]
    seconds = sum(row["seconds"] for row in formats.values())
    rows = sum(row["rows"] for row in formats.values())
    lines = [
        "# Benchmarks",
        "",
        "Written by `benchmarks/county.py`; times differ from machine to machine and run to run.",
        "",
        f"## {given.residents:,} residents × {given.months} months, profile {given.profile}",
        "",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load {load:.1f} before.",
        "",
        "| step | seconds | peak memory | |",
        "|---|---:|---:|---|",
        f"| generation | {made['seconds']:,.0f} | {made['peak']:.1f} GB | "
        f"{made['files']:,} files, {made['bytes'] / 1e9:.2f} GB |",
        f"| ingestion to silver | {seconds:,.0f} | {taken['peak']:.1f} GB | "
        f"{rows:,} rows, {rows / seconds:,.0f} rows/s |",
        "",
        f"Against the answer key: {compared['rows']:,} rows, {compared['refusals']:,} planted "
        f"refusals and {compared['unmapped']:,} unmapped codes; "
        f"{len(compared['differences'])} differences; the ledger "
        f"{'balances' if compared['balanced'] else 'does not balance'}.",
        "",
        "| format | feeds | files | MB | rows | seconds | rows/s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in sorted(formats.items(), key=lambda item: -item[1]["seconds"]):
        lines.append(
            f"| {name} | {row['feeds']} | {row['files']:,} | {row['bytes'] / 1e6:,.0f} "
            f"| {row['rows']:,} | {row['seconds']:,.1f} | {row['rows'] / row['seconds']:,.0f} |"
        )
    lines += ["", "## HL7 v2 beside its peers", "", "```", peers.rstrip(), "```", ""]
    return "\n".join(lines)


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in ("generate", "ingest", "compare"):
        name, place, *size = sys.argv[1:]
        if name == "generate":
            found = generate(Path(place), int(size[0]), int(size[1]), size[2])
        else:
            found = (take_in if name == "ingest" else compare)(Path(place))
        print(json.dumps(found))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--residents", type=int, default=30_000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--profile", default="county")
    parser.add_argument("--scratch", help="folder for county and lake, removed at the end")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    text = report(given)
    print(text)
    if given.page:
        _, mark, by_hand = PAGE.read_text("utf-8").partition(BY_HAND)
        PAGE.write_text(text + ("\n" + mark + by_hand if mark else ""), "utf-8")


if __name__ == "__main__":
    main()
