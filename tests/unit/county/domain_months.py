"""Runs chosen domains over the months of a small county, without writing a file of theirs."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from county import build
from county.profiles import DEFAULT, apply_profile
from county.scene import Document, Domain, Examined, Export, Meant, Planted, Scene, Truth
from county.watched import Onlooker

SEED = 7
Told = dict[str, list[Export]]


@cache
def scenes_of(residents: int, months: int) -> list[Scene]:
    """What a domain of such a county is shown; made once for all tests that ask."""
    onlooker = Onlooker()
    with TemporaryDirectory() as scratch:
        build.build_county(residents, months, SEED, Path(scratch) / "county", domains=[onlooker])
    return onlooker.scenes


def domain(name: str, **rates: Any) -> Domain:
    """One domain, with some of its rates changed."""
    return build.make_domain(name, SEED, rates)


def said(scenes: Iterable[Scene], speakers: Iterable[Domain]) -> dict[str, list[Export | Document]]:
    """What each feed of the domains sends, month after month."""
    apply_profile(DEFAULT)  # another test may have made another county since
    found: dict[str, list[Export | Document]] = {}
    together = list(speakers)
    for scene in scenes:
        for speaker in together:
            for piece in speaker.month(scene):
                if isinstance(piece, Truth | Meant | Examined):
                    continue
                found.setdefault(piece.feed, []).append(piece)
    return found


class Account:
    """What chosen domains of a small county say."""

    def __init__(self, residents: int, months: int, *names: str) -> None:
        self.scenes = scenes_of(residents, months)
        self.sent = tables(self.scenes, *names)

    def rows(self, feed: str) -> pl.DataFrame:
        return pl.concat([piece.rows for piece in self.sent[feed]], how="diagonal_relaxed")

    def planted(self, feed: str) -> list[Planted]:
        return [fault for piece in self.sent[feed] for fault in piece.planted]

    def keys(self, feed: str, kind: str) -> set[str]:
        return {fault.key for fault in self.planted(feed) if fault.kind == kind}


def tables(scenes: Iterable[Scene], *names: str) -> Told:
    """As `said`, of domains that send nothing but tables."""
    found: Told = {}
    for feed, pieces in said(scenes, [domain(name) for name in names]).items():
        found[feed] = [piece for piece in pieces if isinstance(piece, Export)]
        assert len(found[feed]) == len(pieces), feed
    return found
