"""Which site a lake belongs to: one, written once, in `YIGONG_HOME/lake.yml`.

Belongs here: reading and writing that choice. Not here: what a site is (`site.py`).
"""

import os
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from ingestion.ledger import Ledger
from ingestion.site import SITES, BadSite, Site
from ingestion.yaml_file import read_yaml

TERMINOLOGY = "terminology"
"""Folder of a lake with the code lists that it has loaded itself."""
FORMER = ("contracts", "indicators")
"""Folders of a lake that held a site's own contracts and indicators before sites had a folder."""


class NoSite(RuntimeError):
    """The lake has not chosen a site."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"{home} 还没有选定县：请运行 yigong init --site demo（示范县）"
            "或 yigong init --site 县目录"
        )


class SiteInUse(ValueError):
    """The lake holds data of another site, or of feeds that the site does not know."""


class _LakeFile(BaseModel):
    """`lake.yml`: a bundled site's name, or a folder, relative to the lake or absolute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str


def site_folder(home: Path) -> Path | None:
    """Where the lake's site lies, whether it is there or not; None before the choice."""
    path = home / "lake.yml"
    if not path.exists():
        return None
    name = _LakeFile.model_validate(read_yaml(path)).site
    return home / name if "/" in name else SITES / name


def chosen_site(home: Path) -> Site:
    """The site of a lake.

    Raises:
        NoSite: none has been chosen.
        BadSite: its folder is gone or wrong.
    """
    folder = site_folder(home)
    if folder is None:
        raise NoSite(home)
    return Site.open(folder, home / TERMINOLOGY)


def choose_site(home: Path, site: Site, *, change: bool = False) -> Site | None:
    """Write a lake's choice; the folder is made when missing. The former choice, if any, is given.

    Args:
        change: The operator says that a lake with data shall change its site.

    Raises:
        BadSite: a contract of the site is wrong.
        SiteInUse: the lake has data, and another site or feeds that this site does not know.
    """
    feeds = set(site.contracts)
    former = _former(home)
    kept = [name for name in FORMER if (home / name).is_dir() and home != site.folder]
    if kept:
        raise SiteInUse(
            f"{home} 下的 {'、'.join(kept)} 不再读取：请先把它们移入县目录 {site.folder}"
        )
    known = _feeds_with_data(home)
    foreign = sorted(known - feeds)
    if known and not change:
        if former and former.folder != site.folder:
            raise SiteInUse(
                f"湖仓已有“{former.label_zh}”的数据（{former.folder}），不能改为“{site.label_zh}”；"
                "新的县请用新的 YIGONG_HOME；确要改选请加 --change"
            )
        if foreign:
            raise SiteInUse(
                f"湖仓里有 {len(foreign)} 个数据源不属于“{site.label_zh}”，如 {foreign[0]}；"
                "确认无误请加 --change"
            )
    home.mkdir(parents=True, exist_ok=True)
    path = home / "lake.yml"
    temporary = path.with_name(".lake.yml.tmp")
    temporary.write_text(yaml.safe_dump({"site": _name(home, site)}, allow_unicode=True), "utf-8")
    temporary.replace(path)
    return former


def _former(home: Path) -> Site | None:
    """The site chosen before; none when its folder is gone or wrong."""
    try:
        return chosen_site(home)
    except (NoSite, BadSite):
        return None


def _name(home: Path, site: Site) -> str:
    if site.folder.parent == SITES:
        return site.folder.name
    if site.folder.is_relative_to(home):
        return f"./{site.folder.relative_to(home).as_posix()}"
    return os.fspath(site.folder)


def _feeds_with_data(home: Path) -> set[str]:
    if not (home / "ledger.sqlite").exists():
        return set()
    with Ledger(home) as ledger:
        return set(ledger.feeds())
