"""The directory transport takes a file once and whole."""

import threading
import time
from pathlib import Path

from ingestion.transports.directory import take, waiting


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
    taken = list(take(tmp_path, waiting(tmp_path, "*.csv", set()), settle=0.2))
    assert taken == []
    writer.join()
    (whole,) = take(tmp_path, waiting(tmp_path, "*.csv", set()), settle=0.2)
    assert whole.data.count(b"\n") == 9


def test_a_taken_file_is_not_waiting_any_more(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x")
    (one,) = take(tmp_path, waiting(tmp_path, "*.csv", set()), settle=0)
    seen = {(one.name, len(one.data), one.modified_ns)}
    assert waiting(tmp_path, "*.csv", seen) == []


def test_unfinished_and_hidden_files_do_not_wait(tmp_path: Path) -> None:
    for name in ("a.csv.part", ".b.csv", "c.tmp"):
        (tmp_path / name).write_bytes(b"x")
    assert waiting(tmp_path, "*", set()) == []
