"""The places of the county: its areas tile it, and profiles add to them."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator

import pytest

from county import organizations
from county.organizations import ORGANIZATIONS, boundary_ring, homes, township_of, uses_cloud
from county.profiles import apply_profile


@pytest.fixture(autouse=True)
def demo_again() -> Iterator[None]:
    yield
    apply_profile("demo")


def area(ring: list[list[float]]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) / 2


def test_every_room_has_an_area_and_neighbours_share_their_borders() -> None:
    apply_profile("demo")
    rings = {o.organization_id: boundary_ring(o.organization_id) for o in ORGANIZATIONS}
    rooms = [o.organization_id for o in ORGANIZATIONS if o.level == "village"]
    assert all(rings[room] for room in rooms)
    edges: Counter[tuple[tuple[float, ...], ...]] = Counter()
    for ring in rings.values():
        points = [tuple(p) for p in json.loads(ring)] if ring else []
        edges.update(tuple(sorted(edge)) for edge in itertools.pairwise(points))
    assert max(edges.values()) == 2
    assert sum(count == 2 for count in edges.values()) >= len(rooms)


def test_the_county_profile_has_twelve_townships_and_98_rooms() -> None:
    apply_profile("county")
    levels = Counter(o.level for o in ORGANIZATIONS)
    assert (levels["township"], levels["village"]) == (12, 98)
    rooms = [o for o in ORGANIZATIONS if o.level == "village"]
    assert all(abs(area(json.loads(boundary_ring(o.organization_id) or "[]"))) > 0 for o in rooms)
    assert sum(uses_cloud(o.organization_id) for o in rooms) == 92


@pytest.mark.parametrize("profile", ["demo", "county"])
def test_homes_share_everyone_among_known_places(profile: str) -> None:
    apply_profile(profile)
    places = homes()
    assert sum(home.share for home in places) == pytest.approx(1)
    assert {township_of(home.organization) for home in places} == set(organizations.TOWNSHIPS)


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(ValueError, match="no profile"):
        apply_profile("village")
