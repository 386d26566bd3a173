"""Ids of organizations stand in one file; everything else names roles."""

from pathlib import Path

import pytest

import county
from county.organizations import BY_ID
from county.roles import COUNTY, COUNTY_HOSPITAL, TOWNSHIP_B, room, with_ids

_COUNTY = Path(county.__file__).parent


def test_ids_stand_in_one_file() -> None:
    files = [p for p in _COUNTY.rglob("*") if p.suffix in (".py", ".yml")]
    assert [p.name for p in files if COUNTY in p.read_text("utf-8")] == ["roles.py"]


def test_a_role_is_read_as_an_id_wherever_it_stands() -> None:
    said = {"$county_hospital": 0.4, "township": [0.1, {"at": "$township_b"}, "$room_03"]}
    read = with_ids(said)
    assert read == {COUNTY_HOSPITAL: 0.4, "township": [0.1, {"at": TOWNSHIP_B}, room(3)]}


def test_a_role_nobody_plays_is_refused() -> None:
    with pytest.raises(KeyError):
        with_ids({"$county_hospitals": 0.4})


def test_every_room_of_the_known_towns_exists() -> None:
    assert {room(number) for number in range(1, 9)} <= set(BY_ID)
