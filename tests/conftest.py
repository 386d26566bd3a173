"""Shared ground for all tests: where the real samples are, and what must not be skipped in CI."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

PROJECT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("YIGONG_SHARED", PROJECT.parent / "shared"))


@pytest.fixture(scope="session")
def shared_samples() -> Path:
    """The folder of real inputs; a test that needs it is skipped visibly where it is absent."""
    samples = SHARED / "samples"
    if not samples.is_dir():
        pytest.skip("the shared samples are not on this machine")
    return samples


@pytest.fixture
def no_hang() -> Iterator[None]:
    """Stops a test that hangs; how long it takes otherwise is no matter."""

    def give_up(*_: object) -> None:
        raise TimeoutError("hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


PATIENCE_SECONDS = 300

SHARED_GROUND = {
    "tests/dashboards/": "cockpit",
    "tests/unit/marts/": "marts",
    "tests/unit/county/": "county",
    "tests/end_to_end/test_county_to_numbers.py": "lake",
    "tests/end_to_end/test_no_person_leaks.py": "lake",
    "tests/end_to_end/test_readme.py": "lake",
}
"""Places whose tests share something that is dear to make: one worker runs them all. The tests of
any other file stay together too, for what they share is made once a file."""


class OneWorkerAGround(LoadScopeScheduling):  # type: ignore[misc]
    """Hands tests to workers by the ground they share.

    pytest-xdist's own groups are named by a suffix of the test's id, which pytest 9.2 no longer
    lets it set: they are not kept to.
    """

    def _split_scope(self, nodeid: str) -> str:
        for place, ground in SHARED_GROUND.items():
            if nodeid.startswith(place):
                return ground
        return nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerAGround:
    return OneWorkerAGround(config, log)
