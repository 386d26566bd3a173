"""Runs chosen domains over the months of a small county, without writing a file."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
import yaml

from county import build
from county.scene import Document, Domain, Export, Planted, Scene

SEED = 7


class Onlooker:
    """A domain that only keeps the scenes it is shown."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        self.scenes.append(scene)
        return iter(())


class Told:
    """What each feed sends, month after month."""

    def __init__(self, residents: int, months: int, domains: tuple[str, ...], root: Path) -> None:
        onlooker = Onlooker()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "make_domains", lambda *_: [onlooker])
            build.build_county(residents, months, SEED, root / "county")
        self.scenes = onlooker.scenes
        self.sent: dict[str, list[Export]] = {}
        speakers = [_domain(name) for name in domains]
        for scene in self.scenes:
            for speaker in speakers:
                for piece in speaker.month(scene):
                    assert isinstance(piece, Export)
                    self.sent.setdefault(piece.feed, []).append(piece)

    def rows(self, feed: str) -> pl.DataFrame:
        return pl.concat([piece.rows for piece in self.sent[feed]], how="diagonal_relaxed")

    def planted(self, feed: str) -> list[Planted]:
        return [fault for piece in self.sent[feed] for fault in piece.planted]

    def keys(self, feed: str, kind: str) -> set[str]:
        return {fault.key for fault in self.planted(feed) if fault.kind == kind}


def _domain(name: str) -> Domain:
    module = import_module(f"county.domains.{name}")
    rates = yaml.safe_load(Path(module.__file__ or "").with_suffix(".yml").read_text("utf-8"))
    domain: Domain = module.Domain(SEED, rates)
    return domain
