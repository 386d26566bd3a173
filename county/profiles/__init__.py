"""Profiles: how large a county is and how much of what its members send.

Belongs here: what `county/profiles/<name>.yml` may say and its taking effect. Not here: the rates
themselves (`parameters.yml`, `domains/`), which a profile may change.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from county import organizations
from county.parameters import use_parameters
from ingestion.yaml_file import read_yaml

_FOLDER = Path(__file__).parent
DEFAULT = "demo"


class Profile(BaseModel):
    """Townships beyond the known three, and changed rates of the core and of domains by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label_zh: str
    further_townships: int = 0
    parameters: dict[str, Any] = {}
    domains: dict[str, dict[str, Any]] = {}


def profile_names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.yml"))


def apply_profile(name: str) -> Profile:
    """Make the profile's organizations and rates those of the county that is built next.

    Raises:
        ValueError: no such profile.
    """
    if name not in profile_names():
        raise ValueError(f"no profile {name}; there are {', '.join(profile_names())}")
    profile = Profile.model_validate(read_yaml(_FOLDER / f"{name}.yml"))
    use_parameters(profile.parameters)
    organizations.settle(profile.further_townships)
    return profile
