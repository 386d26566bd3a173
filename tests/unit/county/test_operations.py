"""What the domains of the consortium's operation must keep true, month by month."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
import yaml

from county import build
from county.domains.members import LEAD
from county.scene import Document, Domain, Export, Scene

OWN = ("human_resources",)
RESIDENTS, MONTHS, SEED = 800, 3, 7
Told = dict[str, list[Export]]


class Onlooker:
    """A domain that only keeps the scenes it is shown."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        self.scenes.append(scene)
        return iter(())


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """Three months of a county of 800."""
    onlooker = Onlooker()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "make_domains", lambda *_: [onlooker])
        build.build_county(RESIDENTS, MONTHS, SEED, tmp_path_factory.mktemp("scene") / "county")
    return onlooker.scenes


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of these domains sends, month after month."""
    found: Told = {}
    for name in OWN:
        domain = _domain(name)
        for scene in scenes:
            for piece in domain.month(scene):
                assert isinstance(piece, Export)
                found.setdefault(piece.feed, []).append(piece)
    return found


def _domain(name: str) -> Domain:
    module = import_module(f"county.domains.{name}")
    rates = yaml.safe_load(Path(module.__file__ or "").with_suffix(".yml").read_text("utf-8"))
    domain: Domain = module.Domain(SEED, rates)
    return domain


def together(told: Told, *feeds: str) -> pl.DataFrame:
    pieces = [piece.rows for feed in feeds for piece in told[feed]]
    return pl.concat([rows for rows in pieces if len(rows)], how="diagonal_relaxed")


def planted(told: Told, kind: str, *feeds: str) -> list[str]:
    """Keys of the planted faults of a kind."""
    pieces = [piece for feed in feeds for piece in told[feed]]
    return [fault.key for piece in pieces for fault in piece.planted if fault.kind == kind]


# human resources ------------------------------------------------------------------------------


def test_everyone_in_service_is_paid_and_clocked_every_month(told: Told) -> None:
    for kind in ("pay", "attendance"):
        rows = together(told, f"county_hospital__hrp__{kind}", f"consortium__hr__{kind}")
        each = rows.group_by("staff_id").len()
        assert len(each) > 20
        assert set(each["len"]) == {MONTHS}


def test_the_hrp_holds_the_lead_hospital_and_the_platform_everyone_else(told: Told) -> None:
    for kind in ("posts", "pay", "attendance"):
        own = together(told, f"county_hospital__hrp__{kind}")
        assert set(own["organization_id"]) == {LEAD}
        assert LEAD not in set(together(told, f"consortium__hr__{kind}")["organization_id"])


def test_who_is_sent_down_works_there_and_the_planted_one_stays_away(told: Told) -> None:
    changes = together(told, "consortium__hr__changes")
    idle = planted(told, "sent_down_absent", "consortium__hr__changes")
    assert idle
    sent = changes.filter(pl.col("change_kind_code") == "4")
    days = together(told, "county_hospital__hrp__attendance", "consortium__hr__attendance")
    worked = sent.join(days, on="staff_id").with_columns(
        pl.col("change_id").is_in(idle).alias("idle")
    )
    assert (worked["to_organization_id"] == worked["sent_down_organization_id"]).all()
    assert ((worked["sent_down_days"] == 0) == worked["idle"]).all()
