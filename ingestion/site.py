"""One county: its contracts, crosswalks, code tables and samples, in one folder.

Belongs here: what a site folder holds, and reading its contracts, templates included. Not here:
which site a lake has chosen (`choice.py`), trying its samples (`site_check.py`), what a contract
may say (`contract.py`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.contract import Contract
from ingestion.crosswalk import BadTable, Codes, code_system
from ingestion.terminology import Terminology
from ingestion.yaml_file import read_yaml

SITES = Path(__file__).parent.parent / "sites"
"""The sites that come with the product. A county's own may lie anywhere."""

_TEMPLATES = "templates"


class BadSite(ValueError):
    """A site folder cannot be read; every defect is a line: file, what is wrong."""

    def __init__(self, folder: Path, defects: list[str]) -> None:
        self.defects = defects
        super().__init__(f"县目录 {folder} 有 {len(defects)} 处错误：" + "；".join(defects))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _SiteFile(_Strict):
    """`site.yml`. `county` is the organization code of the county itself."""

    site: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label_zh: str
    county: str


class _Account(_Strict):
    """A user of the cockpit who sees one organization and those below it."""

    username: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    display_name: str
    organization: str


class _RolesFile(_Strict):
    """`roles.yml`: the cockpit's accounts of single organizations (`dashboards/security.py`)."""

    accounts: list[_Account]


class _Group(_Strict):
    """Members of one vendor: every template, filled with the parameters of every member's line."""

    templates: list[str]
    members: list[dict[str, Any]]


@dataclass(frozen=True)
class Site:
    """One county's folder, read when asked and then kept: a change shows in a new object.

    `site.yml`; `contracts/<member>/<feed>.yml`; `contracts/templates/<name>.yml` with
    `contracts/members.yml`; `crosswalks/` and `code_tables/` (see `Codes`); `samples/<feed>.<ext>`;
    `golden/<feed>.jsonl`, `indicators/<system>.yml` and `roles.yml`, if it has any.
    """

    folder: Path
    site: str
    label_zh: str
    county: str
    codes: Codes = field(repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path, terminology: Path | None = None) -> "Site":
        """The site in a folder, its contracts unread.

        Args:
            terminology: Where the lake keeps the lists that it has loaded itself.

        Raises:
            BadSite: there is no `site.yml`, or it says something unknown.
        """
        folder = folder.absolute()
        try:
            says = _SiteFile.model_validate(read_yaml(folder / "site.yml"))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise BadSite(folder, [_line("site.yml", error)]) from error
        codes = Codes(folder, Terminology(terminology) if terminology else None)
        return cls(folder, **says.model_dump(), codes=codes)

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        """All contracts by feed name, in order of the name.

        Raises:
            BadSite: names every contract, template line, crosswalk and account that is wrong.
        """
        found: dict[str, Contract] = {}
        defects: list[str] = []
        self._check_roles(defects)
        self._check_code_tables(defects)
        for name, body in self._bodies(defects):
            try:
                contract = Contract.model_validate({**body, "codes": self.codes})
                defects += [f"{name}：{said}" for said in contract.foreign_codes()]
            except (TypeError, OSError, ValidationError, BadTable) as error:
                defects.append(_line(name, error))
                continue
            if contract.feed in found:
                defects.append(f"{name}：数据源 {contract.feed} 定义了两次")
            found[contract.feed] = contract
        if defects:
            raise BadSite(self.folder, defects)
        return dict(sorted(found.items()))

    def samples(self, feed: str) -> list[Path]:
        """The feed's sample: one file `samples/<feed>.<ext>`, or none yet."""
        return sorted(self.folder.glob(f"samples/{feed}.*"))

    def golden(self, feed: str) -> Path:
        """Where the rows are written that the feed's sample must become (`golden.py`)."""
        return self.folder / "golden" / f"{feed}.jsonl"

    def _check_roles(self, defects: list[str]) -> None:
        path = self.folder / "roles.yml"
        if path.exists():
            for name, content in _one("roles.yml", path, defects):
                try:
                    _RolesFile.model_validate(content)
                except ValidationError as error:
                    defects.append(_line(name, error))

    def _check_code_tables(self, defects: list[str]) -> None:
        for path in sorted(self.folder.glob("code_tables/*.csv")):
            name = path.relative_to(self.folder).as_posix()
            try:
                code_system(path.stem)
            except FileNotFoundError:
                defects.append(f"{name}：没有代码表 {path.stem}")
                continue
            try:
                self.codes.code_system(path.stem)
            except BadTable as error:
                defects.append(str(error))

    def _bodies(self, defects: list[str]) -> Iterator[tuple[str, Any]]:
        """Where each contract is written and what it says."""
        folder = self.folder / "contracts"
        for path in sorted(folder.glob("*/*.yml")):
            if path.parent.name != _TEMPLATES:
                name = path.relative_to(self.folder).as_posix()
                yield from _one(name, path, defects)
        listed = folder / "members.yml"
        if listed.exists():
            name = listed.relative_to(self.folder).as_posix()
            for _, groups in _one(name, listed, defects):
                yield from self._filled(name, groups, defects)

    def _filled(self, name: str, groups: Any, defects: list[str]) -> Iterator[tuple[str, Any]]:
        """Every template of every group, once for each of its members."""
        try:
            read = [_Group.model_validate(group) for group in groups or []]
        except (TypeError, ValidationError) as error:
            defects.append(_line(name, error))
            return
        for group in read:
            used: Counter[str] = Counter()
            for template in group.templates:
                path = self.folder / "contracts" / _TEMPLATES / f"{template}.yml"
                for _, body in _one(path.relative_to(self.folder).as_posix(), path, defects):
                    for number, member in enumerate(group.members, start=1):
                        where = f"{name} {template} 第 {number} 行"
                        try:
                            yield where, filled(body, member, used)
                        except KeyError as error:
                            defects.append(f"{where}：缺少参数 {error.args[0]}")
            odd = sorted({p for member in group.members for p in member} - set(used))
            if odd:
                defects.append(f"{name}：模板 {group.templates} 没有参数 {odd}")


def find_site(name: str | Path) -> Site:
    """A site of the product by its name, else the site in a folder.

    Raises:
        BadSite: there is no such site, or its `site.yml` is wrong.
    """
    bundled = SITES / name
    return Site.open(bundled if bundled.parent == SITES and bundled.is_dir() else Path(name))


def filled(body: Any, parameters: dict[str, Any], used: Counter[str]) -> Any:
    """A template's content with `$parameter` replaced; a value that is nothing else keeps its type.

    Args:
        used: Counts the parameters that were asked for.

    Raises:
        KeyError: a parameter is not given.
    """
    if isinstance(body, dict):
        return {key: filled(value, parameters, used) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, parameters, used) for value in body]
    if not isinstance(body, str):
        return body
    template = Template(body)
    names = template.get_identifiers()
    used.update(names)
    if len(names) == 1 and body in (f"${names[0]}", f"${{{names[0]}}}"):
        return parameters[names[0]]
    return template.substitute(parameters)


def _one(name: str, path: Path, defects: list[str]) -> Iterator[tuple[str, Any]]:
    """The content of a YAML file; nothing, and a defect, when it cannot be read."""
    try:
        content = read_yaml(path)
    except (OSError, yaml.YAMLError) as error:
        defects.append(_line(name, error))
    else:
        yield name, content


def _line(name: str, error: Exception) -> str:
    """One line that names the file and says what is wrong in it."""
    match error:
        case FileNotFoundError():
            missing = Path(error.filename)
            return f"{name}：没有文件 {missing.parent.name}/{missing.name}"
        case ValidationError():
            said = [f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in error.errors()]
            return f"{name}：{', '.join(said)}"
        case _:
            return f"{name}：{' '.join(str(error).split())}"
