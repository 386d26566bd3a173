"""One small county, built once for all tests of the county room."""

import pytest

from county.build import build_county
from tests.unit.county.built import Built


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """300 residents, 2 months."""
    root = tmp_path_factory.mktemp("small") / "county"
    return Built(root, build_county(300, 2, 7, root))


@pytest.fixture(scope="session")
def default(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The default run: 3000 residents, 6 months, seed 7."""
    root = tmp_path_factory.mktemp("default") / "county"
    return Built(root, build_county(3000, 6, 7, root))
