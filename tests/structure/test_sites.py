"""The product knows no county: what one county is stands in its folder and nowhere else."""

import re

import pytest

from tests.demo import DEMO
from tests.structure.test_layers import PROJECT, tracked

ROOMS = (
    "ingestion", "identity", "standards", "models", "marts", "macros", "expectations",
    "dashboards", "pipelines",
)  # fmt: skip
NAMES = sorted({DEMO.county, DEMO.label_zh[:2], *DEMO.contracts})


@pytest.mark.parametrize("room", ROOMS)
def test_a_product_room_names_nothing_of_the_demo_county(room: str) -> None:
    demo = re.compile("|".join(map(re.escape, NAMES)))
    for path in tracked(f"{room}/*"):
        if path.suffix in {".lock", ".png"}:
            continue
        found = demo.search(path.read_text("utf-8"))
        assert not found, f"{path.relative_to(PROJECT)} names {found.group(0) if found else ''}"
