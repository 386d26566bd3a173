"""One small county, files in, numbers out; made once a session and shared by the tests here."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from county.build import build_county
from ingestion.choice import choose_site
from ingestion.site import SITES, find_site

PROJECT = Path(__file__).resolve().parents[2]
RESIDENTS, MONTHS, SEED = 800, 6, 7


@dataclass(frozen=True)
class Yigong:
    """The `yigong` command on one lake, which belongs to `site` from its first command on."""

    home: Path
    site: Path = SITES / "demo"

    def __call__(self, *words: str, expect: int = 0) -> str:
        """Run a command line and return its standard output; the exit code must be `expect`."""
        self.choose()
        return self.command(*words, expect=expect)

    def command(self, *words: str, expect: int = 0) -> str:
        """As above, on a home as it is."""
        command = [str(Path(sys.executable).parent / "yigong"), *words]
        environment = os.environ | {"YIGONG_HOME": str(self.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=PROJECT)
        assert done.returncode == expect, (
            f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout + (done.stderr if expect else "")

    def choose(self) -> None:
        if not (self.home / "lake.yml").exists():
            choose_site(self.home, find_site(self.site))


@dataclass(frozen=True)
class CountyFolder:
    """What the simulator wrote: `inbox/` for the pipeline, `answer_key/` for the tests."""

    root: Path

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def key(self) -> Path:
        return self.root / "answer_key"


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFolder:
    root = tmp_path_factory.mktemp("county") / "county"
    build_county(RESIDENTS, MONTHS, SEED, root)
    return CountyFolder(root)


@pytest.fixture(scope="session")
def yigong(tmp_path_factory: pytest.TempPathFactory, county: CountyFolder) -> Yigong:
    """A lake into which the whole county has run and which is published."""
    command = Yigong(tmp_path_factory.mktemp("lake"))
    command("run", "--inbox", str(county.inbox))
    return command


def subset(folders: Sequence[str], source: Path, target: Path) -> Path:
    """An inbox that has only some of the county's folders."""
    target.mkdir(parents=True)
    for folder in folders:  # links of files, for links of folders would leave the inbox
        shutil.copytree(source / folder, target / folder, copy_function=os.link)
    return target
