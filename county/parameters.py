"""Reading of `parameters.yml`. No default value lives in code."""

from functools import cache
from pathlib import Path
from typing import Any

from county.roles import with_ids
from ingestion.yaml_file import read_yaml

Rates = dict[str, Any]
_changes: Rates = {}


@cache
def parameters() -> Rates:
    """All rates of the county by section, with the changes of the profile in use."""
    loaded: Rates = with_ids(read_yaml(Path(__file__).with_name("parameters.yml")))
    return changed(loaded, with_ids(_changes))


def use_parameters(changes: Rates) -> None:
    """From now on these rates stand in place of the file's."""
    _changes.clear()
    _changes.update(changes)
    parameters.cache_clear()


def changed(rates: Rates, changes: Rates) -> Rates:
    """The rates with the changes, section by section; a name nobody knows is an error.

    Raises:
        ValueError: a change names a rate that does not exist.
    """
    unknown = set(changes) - set(rates)
    if unknown:
        raise ValueError(f"no rates {sorted(unknown)}")
    found = dict(rates)
    for name, value in changes.items():
        nested = isinstance(value, dict) and isinstance(rates[name], dict)
        found[name] = changed(rates[name], value) if nested else value
    return found
