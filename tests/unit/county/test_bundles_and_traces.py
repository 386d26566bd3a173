"""Every broken bundle and trace the county can write becomes exactly what its maker says."""

from pathlib import Path

import polars as pl
import pytest

from county.systems.ecg_batch import ROWS, AnnotatedFiles, WaveformFiles, aecg, waveform
from county.systems.fhir_batch import BundleFiles, bundle, request
from county.systems.message_files import MessageFiles
from ingestion.ingest import FeedRun, ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.quarantine import entries
from ingestion.vault import Vault
from tests.demo import DEMO

ENCOUNTERS = "consortium__internet_hospital__encounters"
TRACES, WAVEFORMS = "county_hospital__ecg__traces", "township_b__ecg__waveforms"
DRUGS = 2
PERSON = {
    "local_id": "A1", "name": "张三", "gender": "M", "id_number": "653999198001010011",
    "health_card": "K1", "insurance_number": "Y1", "phone": "13900000000", "address": "红柳村",
}  # fmt: skip
VISIT = PERSON | {
    "encounter_id": "WZ1", "organization_id": "653999H01", "staff_id": "S1",
    "department_code": "A99", "department_name": "内科", "diagnosis_code": "I10.x00",
    "diagnosis_name": "特发性(原发性)高血压", "started": "2026-03-01T08:30:00+08:00",
    "ended": "2026-03-01T08:45:00+08:00", "birth_day": "1980-01-01",
}  # fmt: skip
DRUG = {
    "line": "WZ1-", "drug_code": "XA0002", "drug_name": "苯磺酸氨氯地平片", "dose": "5",
    "dose_unit": "mg", "per_day": "1", "quantity": "2",
}  # fmt: skip
TRACE = PERSON | {
    "number": "10000001", "request_id": "XD1", "encounter_id": "V1", "device": "YQ-ECG12",
    "organization_id": "653999T02", "recorded": "20260301083000", "statement": "窦性心律",
    "birth_day": "19800101", "heart_rate": "76", "pr": "150", "qrs": "90", "qt": "390",
    "qtc": "410", "p_axis": "50", "qrs_axis": "40", "t_axis": "45",
}  # fmt: skip


def written(feed: str) -> tuple[MessageFiles, str, int]:
    """The writer of a feed, one sound message and its rows."""
    if feed == ENCOUNTERS:
        drugs = pl.DataFrame([VISIT | DRUG | {"line": f"WZ1-{n}"} for n in range(DRUGS)])
        requests = "".join(drugs.select(request()).to_series())
        text = pl.DataFrame([VISIT | {"requests": requests}]).select(bundle()).item()
        return BundleFiles(feed, "internet_encounters"), text, 2 + DRUGS
    if feed == TRACES:
        text = pl.DataFrame([TRACE]).select(aecg()).item()
        return AnnotatedFiles(feed, "county_hospital_ecg"), text, ROWS
    return (
        WaveformFiles(feed, "township_b_ecg"),
        pl.DataFrame([TRACE]).select(waveform()).item(),
        ROWS,
    )


def taken(feed: str, home: Path, *files: bytes) -> tuple[FeedRun, list[str]]:
    """Take files of a feed; what the run counted and the reasons in quarantine."""
    lake, contract = Lake.open(home), DEMO.contracts[feed]
    pattern = Path(contract.location.pattern)
    (lake.inbox / pattern.parent).mkdir(parents=True)
    for number, data in enumerate(files):
        (lake.inbox / pattern.parent / f"{number}{pattern.suffix}").write_bytes(data)
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        run = ingest_feed(lake, contract, vault=vault, ledger=ledger, settle=0)
        assert ledger.balanced()
        return run, sorted({str(dict(row)["reason_code"]) for row in entries(ledger)})


@pytest.mark.parametrize("feed", [ENCOUNTERS, TRACES, WAVEFORMS])
def test_a_sound_message_is_accepted_and_twice_is_once(feed: str, tmp_path: Path) -> None:
    files, text, rows = written(feed)
    run, reasons = taken(feed, tmp_path, files.joined([text]), files.joined([text]) + b"\n")
    assert (run.count.accepted, run.count.duplicate, reasons) == (rows, rows, [])


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("feed", [ENCOUNTERS, TRACES, WAVEFORMS])
def test_a_spoiled_copy_beside_the_true_one_gives_its_reason(
    feed: str, turn: int, tmp_path: Path
) -> None:
    files, text, rows = written(feed)
    files.turn = turn
    wrong = files.spoiled(text, rows)
    sent = [files.joined([text]), files.joined([wrong.text])]
    if feed == ENCOUNTERS:
        sent = [files.joined([text, wrong.text])]
    run, reasons = taken(feed, tmp_path, *sent)
    assert reasons == [wrong.reason]
    assert (run.count.accepted, run.count.quarantined, run.count.duplicate) == (
        rows + wrong.sound, wrong.bad, 0
    )  # fmt: skip


@pytest.mark.parametrize("feed", [ENCOUNTERS, TRACES, WAVEFORMS])
def test_a_code_nobody_mapped_does_not_cost_the_row(feed: str, tmp_path: Path) -> None:
    files, text, rows = written(feed)
    odd = files.unmapped(text)
    assert odd is not None and odd != text
    run, reasons = taken(feed, tmp_path, files.joined([odd]))
    assert (run.count.accepted, reasons) == (rows, [])


@pytest.mark.parametrize(
    ("feed", "kind"),
    [(ENCOUNTERS, kind) for kind in ("truncated", "charset", "type", "empty")]
    + [(TRACES, kind) for kind in ("malformed", "charset", "unsupported", "empty")]
    + [(WAVEFORMS, kind) for kind in ("cut", "type", "garbage", "empty")],
)
def test_a_wrong_file_is_refused_whole(feed: str, kind: str, tmp_path: Path) -> None:
    files, text, _ = written(feed)
    wrong = files.wrong_file(kind, text)
    run, reasons = taken(feed, tmp_path, wrong.data)
    assert (run.count.accepted, run.count.quarantined, reasons) == (0, 1, [wrong.reason])
