"""What the README tells people to type works as it stands."""

import os
import re
import shlex
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PROJECT, Yigong

SUPERSET = PROJECT / "dashboards" / ".venv" / "bin" / "python"


def commands(readme: str) -> list[list[str]]:
    """The `yigong` command lines of a README's code blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", (PROJECT / readme).read_text("utf-8"), flags=re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("yigong ")]


def test_the_readmes_yigong_lines_run(yigong: Yigong) -> None:
    assert commands("README.md") == commands("README.zh-CN.md")
    for words in commands("README.md"):
        if words[0] == "dev":  # a server that does not return; test_dagster.py starts it
            continue
        if words[0] == "inspect" and not (PROJECT / words[1]).exists():
            words = ["inspect", str(PROJECT / "sites" / "demo" / "samples")]
        assert yigong(*words).strip(), words


@pytest.mark.superset
@pytest.mark.slow
def test_make_demo_ends_with_a_cockpit_that_make_stop_ends(tmp_path: Path) -> None:
    if not SUPERSET.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("the cockpit's environment is missing")
        pytest.skip("the cockpit's environment is not installed: make setup")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = [f"YIGONG_HOME={tmp_path}", f"PORT={port}", "RESIDENTS=300", "MONTHS=2"]
    page = f"http://127.0.0.1:{port}/login/"
    try:
        said = make("demo", *settings)
        for words in ("数据源", "收到", "指标", "CM24-07", f"http://127.0.0.1:{port}/", "manager"):
            assert words in said
        assert urllib.request.urlopen(page, timeout=30).status == 200
        assert "password" not in said and "INFO" not in said
        again = make("demo", *settings)
        assert "没有新数据，仍为 v1" in again
    finally:
        make("stop", *settings)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(page, timeout=5)


def make(target: str, *settings: str) -> str:
    done = subprocess.run(["make", target, *settings], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
