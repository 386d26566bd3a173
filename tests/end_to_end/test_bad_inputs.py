"""Broken files come in by the front door beside a good one: nothing stops, nothing is lost."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.choice import choose_site
from ingestion.contract import Contract
from ingestion.ingest import FeedRun, ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.quarantine import entries
from ingestion.vault import Vault
from pipelines import reading
from tests.demo import DEMO
from tests.unit.formats import bad_samples

pytestmark = pytest.mark.usefixtures("no_hang")


PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "sites" / "demo" / "samples"
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load(
    (bad_samples.FOLDER / "expected.yml").read_text("utf-8")
)
CONTRACTS = DEMO.contracts
VISITS = "township_a__his__visits"
FEEDS = {
    "hl7v2": "county_hospital__his__adt",
    "cda": "county_hospital__emr__documents",
    "hl7v3": "county_hospital__platform__services",
    "dicom": "county_hospital__pacs__images",
    "tabular": VISITS,
    "database": "tcm_hospital__his__front_pages",
    "jsonlines": VISITS,
    "xml_table": VISITS,
    "fhir": "consortium__internet_hospital__encounters",
    "ecg": "county_hospital__ecg__traces",
}
AS_VISITS = ("tabular", "jsonlines", "xml_table")
MUST_BE_PROVEN = {
    "truncated": [
        "truncated_frame.hl7",
        "truncated.xml",
        "truncated.dcm",
        "truncated.sqlite",
        "truncated_line.jsonl",
        "truncated_rows.xml",
    ],
    "empty": ["empty.hl7", "empty.csv"],
    "wrong encoding": ["wrong_encoding.hl7", "wrong_encoding.csv", "wrong_encoding.xml"],
    "wrong type": ["wrong_type.hl7", "wrong_type.csv", "wrong_type.xml"],
    "duplicate": ["duplicate_message.hl7", "duplicate_row.csv"],
    "impossible date": ["impossible_date.hl7", "impossible_date.csv"],
    "unknown code": ["unknown_code.hl7", "unknown_code.csv"],
    "100 MB line": ["long_line.hl7", "long_line.csv"],
    "entity bomb": ["entity_bomb.xml"],
    "zip of zips": ["zip_of_zips.zip"],
}
MAX_MEGABYTES = 800  # 100 of them are the file itself, some 180 the interpreter and its libraries


def contract_for(kind: str) -> Contract:
    """The feed's own contract; the one for tables asks only for what the broken tables have."""
    contract = CONTRACTS[FEEDS[kind]]
    if kind not in AS_VISITS:
        return contract
    wanted = ("encounter_id", "encounter_class_code", "started_at")
    return contract.model_copy(
        update={
            "format": kind,
            "encoding": "utf-8",
            "options": bad_samples.OPTIONS.get(kind, {}),
            "fields": {name: contract.fields[name] for name in wanted},
            "person": {"person_name": contract.person["person_name"]},
            "location": contract.location.model_copy(update={"pattern": "township_a_visits/*"}),
        }
    )


@cache
def good_content(kind: str) -> bytes:
    if kind in bad_samples.GOOD:
        return bad_samples.GOOD[kind]()
    (path,) = SAMPLES.glob(f"{FEEDS[kind]}.*")
    data = path.read_bytes()
    return data.decode("gb18030").encode() if kind == "tabular" else data


@dataclass(frozen=True)
class Delivery:
    """A lake that took some files of one feed."""

    lake: Lake
    contract: Contract
    run: FeedRun
    quarantine: list[dict[str, Any]]
    accepted_by_digest: dict[str, int]

    def status(self) -> dict[str, Any]:
        """The feed's line of `yigong status`; the ledger must balance."""
        found = reading.status(self.lake)
        assert found["ledger_balanced"]
        (line,) = [f for f in found["feeds"] if f["feed"] == self.contract.feed]
        return dict(line)


def deliver(home: Path, kind: str, files: dict[str, bytes]) -> Delivery:
    """Put files where the contract says they arrive, and take them."""
    lake, contract = Lake.open(home), contract_for(kind)
    choose_site(home, DEMO)
    place = lake.inbox / Path(contract.location.pattern).parent
    place.mkdir(parents=True)
    for name, data in files.items():
        (place / name).write_bytes(data)
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        run = ingest_feed(lake, contract, vault=vault, ledger=ledger, settle=0)
        assert ledger.balanced()
        quarantine = [dict(row) for row in entries(ledger)]
    digests = [
        pl.read_parquet(path, columns=["file_digest"], hive_partitioning=False)["file_digest"]
        for entity in contract.mapping().records
        for path in lake.silver(entity).glob("*/*--*.parquet")
    ]
    counted = pl.concat(digests).value_counts() if digests else pl.DataFrame()
    return Delivery(lake, contract, run, quarantine, dict(counted.rows()))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def rows_of_good_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Rows that each good file gives when it comes alone."""
    found = {}
    for kind in FEEDS:
        alone = deliver(tmp_path_factory.mktemp("alone") / kind, kind, names(kind))
        assert alone.run.count.received == alone.run.count.accepted > 0
        found[kind] = alone.run.count.accepted
    return found


def names(kind: str, *bad: str) -> dict[str, bytes]:
    """The good file and broken ones, under names that the feed's pattern matches."""
    ending = Path(contract_for(kind).location.pattern).suffix
    files = {f"a_{name}{ending}": bad_samples.content(name) for name in bad}
    return files | {f"b_good{ending}": good_content(kind)}


def test_everything_that_must_be_proven_has_a_sample() -> None:
    for what, samples in MUST_BE_PROVEN.items():
        assert set(samples) <= set(EXPECTED), what
    assert len(bad_samples.content("long_line.csv")) > 100 * bad_samples.MEBIBYTE


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_broken_file_is_named_and_the_good_one_beside_it_is_whole(
    name: str, tmp_path: Path, rows_of_good_files: dict[str, int]
) -> None:
    wanted = EXPECTED[name]
    kind = wanted["format"]
    files = names(kind, name)
    done = deliver(tmp_path / "lake", kind, files)

    good, bad = digest(good_content(kind)), digest(next(iter(files.values())))
    assert done.accepted_by_digest[good] == rows_of_good_files[kind]

    assert sorted(q["reason_code"] for q in done.quarantine) == sorted(wanted["codes"])
    for piece in done.quarantine:
        assert Path(piece["file_name"]).name.startswith(f"a_{name}")
        assert piece["file_digest"] == bad
        assert piece["record_number"] == wanted.get("record", 0)
        assert "张三" not in piece["detail"], "a refusal says where, not what"

    count = done.run.count
    kept = done.accepted_by_digest.get(bad, 0)
    assert kept + count.duplicate == wanted["kept"] + wanted.get("duplicates", 0)
    assert count.duplicate >= wanted.get("duplicates", 0)
    assert count.quarantined == len(wanted["codes"])
    line = done.status()
    assert line["received"] == line["accepted"] + line["quarantined"] + line["duplicate"]
    assert (line["accepted"], line["quarantined"]) == (count.accepted, count.quarantined)


@pytest.mark.parametrize("kind", FEEDS)
def test_all_broken_files_at_once_do_not_touch_the_good_one(
    kind: str, tmp_path: Path, rows_of_good_files: dict[str, int]
) -> None:
    small = [n for n, e in EXPECTED.items() if e["format"] == kind and n in bad_samples.SMALL]
    done = deliver(tmp_path / "lake", kind, names(kind, *small))
    assert done.run.files == len(small) + 1
    assert done.accepted_by_digest[digest(good_content(kind))] == rows_of_good_files[kind]
    ending = Path(done.contract.location.pattern).suffix
    refused = {
        Path(q["file_name"]).name.removeprefix("a_").removesuffix(ending) for q in done.quarantine
    }
    assert refused == {n for n in small if EXPECTED[n]["codes"]}
    line = done.status()
    assert line["received"] == line["accepted"] + line["quarantined"] + line["duplicate"]


@pytest.mark.parametrize(("name", "feed"), [("long_line.hl7", FEEDS["hl7v2"]),
                                            ("long_line.csv", VISITS)])  # fmt: skip
def test_a_line_of_100_megabytes_costs_seconds_and_few_copies(
    name: str, feed: str, tmp_path: Path
) -> None:
    home, pattern = tmp_path / "lake", Path(CONTRACTS[feed].location.pattern)
    place = home / "inbox" / pattern.parent
    place.mkdir(parents=True)
    choose_site(home, DEMO)
    (good,) = SAMPLES.glob(f"{feed}.*")
    shutil.copy(good, place / f"b{pattern.suffix}")
    (place / f"a{pattern.suffix}").write_bytes(bad_samples.content(name))
    for path in place.iterdir():
        os.utime(path, (0, 0))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "ingest", "--feed", feed],
        env=os.environ | {"YIGONG_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    peak = int(done.stderr.rsplit("peak kB", 1)[1])
    assert peak / 1024 < MAX_MEGABYTES, "megabytes held"


PEAK = """
import atexit, sys
from pathlib import Path

def peak():
    status = Path("/proc/self/status").read_text()
    print("peak kB", status.split("VmHWM:")[1].split()[0], file=sys.stderr)

atexit.register(peak)
from pipelines.cli import main
sys.argv[0] = "yigong"
main()
"""
"""The command line in a process that tells its own peak; wait4 would tell its parent's."""
