"""A site is one folder: what it may hold, its templates and lists, and that a lake keeps to one."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

from ingestion.booking import Count
from ingestion.choice import NoSite, SiteInUse, choose_site, chosen_site
from ingestion.conform import clean, conform
from ingestion.crosswalk import code_system
from ingestion.definition import definition_of
from ingestion.entity import entities
from ingestion.golden import write_golden
from ingestion.lake import Lake
from ingestion.site import BadSite, Site, find_site
from ingestion.site_check import check_feed, check_site, unknown_samples
from tests.unit.ingestion.builders import HYPERTENSION, table, visit

FEED = HYPERTENSION["feed"]
Make = Callable[..., Site]


def write(folder: Path, name: str, content: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
    path.write_text(text, "utf-8")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A site with the given files besides its `site.yml`."""

    def build(name: str = "one", **files: object) -> Site:
        folder = tmp_path / name
        write(folder, "site.yml", {"site": folder.name, "label_zh": "测试县", "county": "1"})
        for path, content in files.items():
            write(folder, path, content)
        return Site.open(folder)

    return build


def contract(**changes: object) -> dict[str, object]:
    return {**HYPERTENSION, **changes}


TWELVE = [
    {"short": f"township_{n:02d}", "member": f"1T{n:02d}", "name": f"第{n}卫生院"}
    for n in range(1, 13)
]
TEMPLATES = {
    "contracts/templates/his_visits.yml": {
        **contract(), "feed": "${short}__his__visits", "member": "$member",
        "label_zh": "${name} 门诊", "location": {"kind": "directory", "pattern": "$short/*.csv"},
    },
    "contracts/templates/his_beds.yml": {
        **contract(), "feed": "${short}__his__beds", "member": "$member",
        "label_zh": "${name} 床位",
    },
}  # fmt: skip


def test_twelve_townships_of_one_vendor_are_twelve_lines(make: Make) -> None:
    groups = [{"templates": ["his_visits", "his_beds"], "members": TWELVE}]
    found = make(**TEMPLATES, **{"contracts/members.yml": groups}).contracts
    assert len(found) == 24
    third = found["township_03__his__visits"]
    assert (third.member, third.label_zh) == ("1T03", "第3卫生院 门诊")
    assert third.location.pattern == "township_03/*.csv"


def test_a_parameter_that_stands_alone_keeps_its_type(make: Make) -> None:
    template = contract(feed="${short}__his__visits", serves="$serves", options="$options")
    line = {"short": "a", "serves": ["x.1", "x.2"], "options": {"sheet": "门诊", "header_row": 2}}
    groups = [{"templates": ["visits"], "members": [line]}]
    files = {"contracts/templates/visits.yml": template, "contracts/members.yml": groups}
    found = make(**files).contracts["a__his__visits"]
    assert found.serves == ["x.1", "x.2"]
    assert found.options == {"sheet": "门诊", "header_row": 2}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"contracts/a/b.yml": contract(entity="nothing")}, "contracts/a/b.yml：.*unknown entity"),
        ({"contracts/a/b.yml": "feed: ["}, "contracts/a/b.yml：while parsing"),
        ({"contracts/a/b.yml": "- 1"}, "contracts/a/b.yml"),
        (
            {"contracts/a/b.yml": contract(person={"sex_code": {"from": "x", "code_map": "no"}})},
            "contracts/a/b.yml：没有文件 crosswalks/no.csv",
        ),
        (
            {"contracts/a/b.yml": contract(), "contracts/a/c.yml": contract()},
            f"contracts/a/c.yml：数据源 {FEED} 定义了两次",
        ),
        (
            {**TEMPLATES, "contracts/members.yml": [
                {"templates": ["his_visits"], "members": [{"short": "a", "member": "1T01"}]}
            ]},
            "contracts/members.yml his_visits 第 1 行：缺少参数 name",
        ),
        (
            {**TEMPLATES, "contracts/members.yml": [
                {"templates": ["his_visits"], "members": [{**TWELVE[0], "nmae": "x"}]}
            ]},
            r"contracts/members.yml：模板 \['his_visits'\] 没有参数 \['nmae'\]",
        ),
        (
            {"contracts/members.yml": [{"templates": ["none"], "members": [TWELVE[0]]}]},
            "没有文件 templates/none.yml",
        ),
        ({"contracts/members.yml": [{"template": "none"}]}, "contracts/members.yml：0?templates"),
        (
            {"contracts/a/b.yml": contract(person={"sex_code": {"from": "x", "code_map": "sex"}}),
             "crosswalks/sex.csv": "source_code,code,source_name\n男,M,\n"},
            r"contracts/a/b.yml：对照表 sex 的 \['M'\] 不在代码表 sex 中",
        ),
        (
            {"contracts/a/b.yml": contract(person={"sex_code": {"from": "x", "code_map": "sex"}}),
             "crosswalks/sex.csv": "source_code,code,source_name\n男,1,\n男,2,\n"},
            "crosswalks/sex.csv 第 3 行：男 已另有所指",
        ),
        (
            {"contracts/a/b.yml": contract(person={"sex_code": {"from": "x", "code_map": "sex"}}),
             "crosswalks/sex.csv": "原代码,代码\n男,1\n"},
            "crosswalks/sex.csv 第 2 行缺少 source_code 或 code",
        ),
        ({"code_tables/no.csv": "code,name\n1,一\n"}, "code_tables/no.csv：没有代码表 no"),
        ({"code_tables/sex.csv": "code\n1\n"}, "code_tables/sex.csv 第 2 行缺少 code 或 name"),
        ({"roles.yml": {"accounts": [{"username": "Ä"}]}}, "roles.yml：accounts.0.username"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_site_is_named_by_file(
    files: dict[str, object], said: str, make: Make
) -> None:
    with pytest.raises(BadSite, match=said):
        _ = make(**files).contracts


def test_a_crosswalk_saved_by_a_spreadsheet_in_gbk_is_named(make: Make) -> None:
    site = make(**mapped(甲="1"))
    path = site.folder / "crosswalks" / "mode.csv"
    path.write_bytes(path.read_text("utf-8").encode("gb18030"))
    with pytest.raises(BadSite, match=r"crosswalks/mode\.csv 不是 UTF-8"):
        _ = Site.open(site.folder).contracts


def test_every_defect_is_named_at_once(make: Make) -> None:
    files = {f"contracts/a/{n}.yml": contract(entity=f"nothing_{n}") for n in range(3)}
    with pytest.raises(BadSite, match="3 处错误") as caught:
        _ = make(**files).contracts
    assert len(caught.value.defects) == 3


def test_a_folder_without_a_site_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSite, match=r"site\.yml：没有文件"):
        find_site(tmp_path)


CODED = {"visit_id": {"from": "随访编号"}, "visit_mode_code": {"from": "方式", "code_map": "mode"}}


def modes(site: Site) -> list[str | None]:
    """What the feed's visit modes become."""
    found = site.contracts[FEED]
    result = conform(
        clean(table(visit(1, 方式="甲"), visit(2, 方式="乙"))),
        entity=entities()["hypertension_visit"],
        record=found.mapping().records["hypertension_visit"],
        contract=found,
    )
    return pl.concat([result.accepted]).get_column("visit_mode_code").to_list()


def mapped(**codes: str) -> dict[str, object]:
    lines = "\n".join(f"{source},{code}," for source, code in codes.items())
    fields = {**HYPERTENSION["fields"], "visit_mode_code": {"from": "方式", "code_map": "mode"}}
    return {
        "contracts/a/b.yml": contract(fields=fields),
        "crosswalks/mode.csv": f"source_code,code,source_name\n{lines}\n",
    }


def test_two_sites_map_one_local_code_each_in_its_own_way(make: Make) -> None:
    one, two = make("one", **mapped(甲="1", 乙="2")), make("two", **mapped(甲="2"))
    assert (modes(one), modes(two)) == (["1", "2"], ["2", None])
    here, there = (definition_of(site.contracts[FEED]) for site in (one, two))
    assert here.changed(there) == ["crosswalk/mode"]
    assert one.contracts[FEED].crosswalks() == {"mode": {"甲": "1", "乙": "2"}}


def test_a_site_adds_codes_to_a_code_system(make: Make) -> None:
    own = {"code_tables/followup_mode.csv": "code,name\nZ,视频\n"}
    site = make("one", **mapped(甲="Z"), **own)
    assert modes(site) == ["Z", None]
    assert site.codes.code_system("followup_mode") == {
        **code_system("followup_mode"),
        "Z": "视频",
    }
    with pytest.raises(BadSite, match="不在代码表 followup_mode 中"):
        _ = make("two", **mapped(甲="Z")).contracts


def test_a_lake_without_a_site_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoSite, match="yigong init --site demo"):
        _ = Lake.open(tmp_path).site


def test_a_lake_keeps_its_choice_by_name_by_place_inside_it_and_elsewhere(
    make: Make, tmp_path: Path
) -> None:
    inside, outside = make("lake/site"), make("elsewhere")
    home = tmp_path / "lake"
    choose_site(tmp_path / "fresh", outside)
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["lake.yml"]
    for site, said in ((find_site("demo"), "demo"), (inside, "./site"), (outside, None)):
        choose_site(home, site)
        kept = yaml.safe_load((home / "lake.yml").read_text("utf-8"))["site"]
        assert kept == (said or str(outside.folder))
        assert chosen_site(home) == site
    (tmp_path / "lake").rename(tmp_path / "moved")
    choose_site(tmp_path / "moved", Site.open(tmp_path / "moved" / "site"))
    assert chosen_site(tmp_path / "moved").site == "site"


def test_a_lake_with_data_changes_its_site_only_when_told(make: Make, tmp_path: Path) -> None:
    files = {"contracts/a/b.yml": contract(), f"samples/{FEED}.csv": csv(visit(1))}
    one, two, other = make("one", **files), make("two", **files), make("three")
    home = tmp_path / "lake"
    choose_site(home, one)
    choose_site(home, two)
    assert check_feed(two, FEED, Lake.open(home)).problem is None
    choose_site(home, two)
    with pytest.raises(SiteInUse, match="湖仓已有"):
        choose_site(home, one)
    (home / "lake.yml").unlink()
    with pytest.raises(SiteInUse, match=f"1 个数据源不属于.*{FEED}"):
        choose_site(home, other)
    assert not (home / "lake.yml").exists()
    choose_site(home, other, change=True)
    assert chosen_site(home) == other


def test_folders_that_are_no_longer_read_are_not_passed_over(make: Make, tmp_path: Path) -> None:
    home = tmp_path / "lake"
    (home / "contracts").mkdir(parents=True)
    with pytest.raises(SiteInUse, match="contracts 不再读取"):
        choose_site(home, make("one"))
    assert not (home / "lake.yml").exists()


def csv(*rows: dict[str, str]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)])


def test_a_check_tries_every_sample_and_says_what_is_wrong(make: Make) -> None:
    def feed(name: str) -> dict[str, object]:
        place = {"kind": "directory", "pattern": f"{name}/*.csv"}
        return contract(feed=f"a__b__{name}", location=place)

    site = make(
        **{f"contracts/a/{name}.yml": feed(name) for name in ("good", "bad", "none")},
        **{
            "samples/a__b__good.csv": csv(visit(1), visit(2), visit(2)),
            "samples/a__b__bad.csv": csv(visit(1, 收缩压="999")),
            "samples/a__b__odd.csv": csv(visit(1)),
        },
    )
    found = {one.feed: one for one in check_site(site)}
    assert found["a__b__good"].problem is None
    assert found["a__b__good"].count == Count(3, 2, 0, 1)
    assert found["a__b__bad"].problem == "样本有 1 行被隔离"
    assert found["a__b__none"].problem == "没有样本"
    assert unknown_samples(site) == ["a__b__odd.csv"]
    write_golden(site, ["a__b__good"])
    assert check_feed_again(site, "a__b__good") is None
    path = site.golden("a__b__good")
    path.write_text(path.read_text("utf-8").replace('"systolic_mmhg": 130', '"systolic_mmhg": 80'))
    assert check_feed_again(site, "a__b__good") == "样本的逐行结果自第 1 行起与 golden 不同"
    assert [one.feed for one in check_site(site, ["a__b__bad"])] == ["a__b__bad"]


def check_feed_again(site: Site, feed: str) -> str | None:
    (found,) = check_site(site, [feed])
    return found.problem
