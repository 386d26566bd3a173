"""Where the shared samples are. Tests that need them skip with a reason when they are absent."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def samples() -> Callable[..., Path]:
    """A folder of the shared samples (`YIGONG_SHARED`, or `shared` beside the repository)."""
    shared = Path(os.environ.get("YIGONG_SHARED", ROOT.parent / "shared"))

    def folder(*parts: str) -> Path:
        found = shared.joinpath("samples", *parts)
        if not found.is_dir():
            pytest.skip(f"shared samples absent: {'/'.join(parts)} (set YIGONG_SHARED)")
        return found

    return folder
