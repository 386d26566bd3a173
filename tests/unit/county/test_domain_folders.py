"""A domain is one folder in one chapter, and the order of running names each once."""

from collections import Counter
from pathlib import Path

import pytest

from county import domains
from county.domains import DOMAINS, folder_of, layout_files, rates_of

_HERE = Path(domains.__file__).parent


def test_every_folder_runs_once() -> None:
    folders = Counter(path.parent.name for path in _HERE.glob("*/*/domain.py"))
    assert folders == Counter(DOMAINS)


@pytest.mark.parametrize("name", DOMAINS)
def test_a_folder_holds_code_and_rates(name: str) -> None:
    assert folder_of(name).parent.parent == _HERE
    assert rates_of(name)


def test_every_layout_is_read_and_stands_beside_a_domain() -> None:
    everywhere = {p for p in _HERE.rglob("*.yml") if p.name.endswith("layouts.yml")}
    assert set(layout_files()) == everywhere
    assert all((path.parent / "domain.py").is_file() for path in everywhere)


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="0 chapters have a domain nothing"):
        folder_of("nothing")
