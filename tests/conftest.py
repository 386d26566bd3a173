"""Shared ground for all tests: where the real samples are, and what must not be skipped in CI."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    "tests/dashboards": "cockpit",
    "tests/unit/marts": "marts",
    "tests/unit/county": "county",
}
"""Folders whose tests share something that is dear to make: one worker runs them all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(PROJECT).as_posix()
        for folder, group in SHARED_GROUND.items():
            if place.startswith(folder):
                item.add_marker(pytest.mark.xdist_group(group))
