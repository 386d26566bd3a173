"""Reading of `parameters.yml`. No default value lives in code."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def parameters() -> dict[str, Any]:
    """All rates of the county by section."""
    loaded: dict[str, Any] = yaml.safe_load(
        Path(__file__).with_name("parameters.yml").read_text("utf-8")
    )
    return loaded
