"""The directory transport takes a file once and whole, and names what it leaves."""

import os
import threading
import time
from pathlib import Path

import pytest

from ingestion.transports import Arrival, Changed, directory
from ingestion.transports.directory import Directory


def take(inbox: Path, settle: float = 0, pattern: str = "*.csv") -> tuple[list[Arrival], Directory]:
    door = Directory(inbox, settle=settle)
    return list(door.take("feed", door.waiting("feed", pattern, set()))), door


def reasons(door: Directory) -> dict[str, str]:
    return {one.name: one.why for one in door.left}


def test_a_file_still_being_written_is_left_for_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"first\n")

    def keep_writing() -> None:
        for _ in range(8):
            time.sleep(0.05)
            with path.open("ab") as stream:
                stream.write(b"more\n")

    writer = threading.Thread(target=keep_writing)
    writer.start()
    taken, door = take(tmp_path, settle=0.2)
    assert taken == []
    assert reasons(door) == {"a.csv": "changing"}
    writer.join()
    (whole,), _ = take(tmp_path, settle=0.2)
    assert whole.data.count(b"\n") == 9


def test_a_taken_file_is_not_waiting_any_more(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x")
    (one,), door = take(tmp_path)
    seen = {(one.name, one.byte_count, one.modified_ns)}
    assert door.waiting("feed", "*.csv", seen) == []


def test_unfinished_and_hidden_files_do_not_wait(tmp_path: Path) -> None:
    for name in ("a.csv.part", ".b.csv", "c.tmp"):
        (tmp_path / name).write_bytes(b"x")
    assert take(tmp_path, pattern="*")[0] == []
    assert Directory(tmp_path).unclaimed(["*.csv"]) == []


def test_a_link_out_of_the_inbox_is_refused_and_one_within_it_is_taken(tmp_path: Path) -> None:
    inbox, outside = tmp_path / "inbox", tmp_path / "outside"
    for folder in (inbox / "clinic", outside):
        folder.mkdir(parents=True)
    (outside / "secret.csv").write_bytes(b"secret")
    (inbox / "clinic" / "good.csv").write_bytes(b"good")
    (inbox / "clinic" / "near.csv").symlink_to(inbox / "clinic" / "good.csv")
    (inbox / "clinic" / "far.csv").symlink_to(outside / "secret.csv")
    (inbox / "linked").symlink_to(outside)
    taken, door = take(inbox, pattern="clinic/*.csv")
    assert [one.name for one in taken] == ["clinic/good.csv", "clinic/near.csv"]
    assert reasons(door) == {"clinic/far.csv": "link_outside"}
    taken, door = take(inbox, pattern="linked/*.csv")
    assert taken == []
    assert reasons(door) == {"linked/secret.csv": "link_outside"}


def test_what_vanishes_or_cannot_be_read_is_named_and_the_rest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_bytes(name.encode())
    door = Directory(tmp_path, settle=0)
    waiting = door.waiting("feed", "*.csv", set())
    (tmp_path / "a.csv").unlink()
    plain = Path.open

    def refused(path: Path, *words: str) -> object:
        if path.name == "b.csv":
            raise PermissionError(13, "Permission denied")
        return plain(path, *words)

    monkeypatch.setattr(Path, "open", refused)
    assert [one.data for one in door.take("feed", waiting)] == [b"c.csv"]
    assert reasons(door) == {"a.csv": "vanished", "b.csv": "unreadable"}


def test_a_name_that_is_no_utf8_is_taken_and_shown_in_chinese(tmp_path: Path) -> None:
    for raw in ("门诊.csv".encode("gb18030"), b"\xff\xff.csv"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw)).write_bytes(b"x")
    taken, _ = take(tmp_path)
    assert {one.name for one in taken} == {"门诊.csv", "\\xff\\xff.csv"}
    for one in taken:
        one.name.encode("utf-8")


def test_upper_case_is_taken_and_what_nobody_claims_is_named(tmp_path: Path) -> None:
    for name in ("clinic/R.CSV", "clinic/notes.txt", "clinic/deep/a.csv", "elsewhere/a.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    taken, door = take(tmp_path, pattern="clinic/r*.csv")
    assert [one.name for one in taken] == ["clinic/R.CSV"]
    found = door.unclaimed(["clinic/r*.csv"])
    assert [one.name for one in found] == [
        "clinic/deep/a.csv",
        "clinic/notes.txt",
        "elsewhere/a.csv",
    ]
    assert {one.why for one in found} == {"unmatched"}


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    plain = os.scandir

    def refused(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(directory.os, "scandir", refused)
    taken, door = take(tmp_path, pattern="closed/*.csv")
    assert taken == []
    (one,) = door.unclaimed(["closed/*.csv"])
    assert (one.name, one.why) == ("closed", "folder_unreadable")


def test_times_in_the_future_cost_one_wait_for_all(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"{number:02}.csv"
        path.write_bytes(b"x")
        os.utime(path, (time.time() + 1e6, time.time() + 1e6))
    started = time.monotonic()
    assert len(take(tmp_path, settle=0.3)[0]) == 20
    assert time.monotonic() - started < 1.5


def test_a_file_larger_than_what_is_held_is_passed_over_in_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "HELD_BYTES", 10)
    monkeypatch.setattr(directory, "CHUNK_BYTES", 4)
    (tmp_path / "a.csv").write_bytes(b"0123456789ab")
    (one,), _ = take(tmp_path)
    assert list(one.chunks()) == [b"0123", b"4567", b"89ab"]
    (tmp_path / "a.csv").write_bytes(b"9123456789ab")
    with pytest.raises(Changed):
        list(one.chunks())
