"""Reading of YAML files, with libyaml where PyYAML was built with it: ten times as fast."""

from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """Plain values only; no tag makes an object.

    Raises:
        yaml.YAMLError: the file is no YAML.
    """
    return yaml.load(path.read_text("utf-8"), Loader=_LOADER)
