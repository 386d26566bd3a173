"""Shared ground for all tests: where the real samples are, and what must not be skipped in CI."""

import os
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
