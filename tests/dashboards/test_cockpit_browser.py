"""The cockpit as a manager sees it, in a real browser: everything drawn, everything in Chinese."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import asset_files
import duckdb
import pytest

from tests.dashboards.running_cockpit import Cockpit

pytestmark = [pytest.mark.superset, pytest.mark.browser]

ASSETS = asset_files.read_assets()
OVERVIEW = "/superset/dashboard/county-overview/"
CHARTS = [
    ASSETS.charts[cell["chart"]]
    for row in ASSETS.layouts["county_overview"]["rows"]
    for cell in row["cells"]
    if "chart" in cell
]
TALL = {"width": 1680, "height": 3400}
CELL_PADDING = 5  # pixels; a cell may stand out by less than its empty rim
WORD = re.compile(r"[A-Za-z]{2,}")
# product names and format names that stay as they are
ALLOWED = {"Apache", "Superset", "SQL", "CSV", "JSON", "PDF", "Excel"}
SETTLED = """() => ({
    charts: document.querySelectorAll('.chart-slice').length,
    busy: document.querySelectorAll(
        '.loading, [data-test=loading-indicator], .ant-spin-spinning').length,
})"""
ALERTS = """() => [...document.querySelectorAll('[role=alert], .ant-alert')]
    .map(item => item.innerText.trim()).filter(text => text)"""


def english(text: str, county: duckdb.DuckDBPyConnection) -> list[str]:
    """Latin words on the page that neither the county's own texts nor the allowed names explain."""
    known = set(ALLOWED)
    for table, column in (
        ("indicator_display", "indicator_id"),
        ("indicator_display", "indicator_name"),
        ("indicator_display", "definition"),
        ("indicator_display", "source"),
        ("feed_status", "feed_label"),
        ("disease_month", "diagnosis_chapter"),
    ):
        for (value,) in county.execute(f"select distinct {column} from {table}").fetchall():
            known |= set(WORD.findall(value or ""))
    return sorted({word for word in WORD.findall(text) if word not in known})


def settle(page: Any, charts: int, seconds: float = 120) -> None:
    """Wait until every chart stands and nothing has been loading for two seconds."""
    deadline, quiet = time.monotonic() + seconds, 0
    while quiet < 4:
        assert time.monotonic() < deadline, f"still loading: {page.evaluate(SETTLED)}"
        page.wait_for_timeout(500)
        state = page.evaluate(SETTLED)
        quiet = quiet + 1 if state["charts"] == charts and not state["busy"] else 0


@pytest.fixture(scope="module")
def login_text(cockpit: Cockpit, browser: Any) -> str:
    page = browser.new_page()
    page.goto(f"{cockpit.base_url}/login/")
    page.wait_for_selector("input[name=username], input#username", timeout=60_000)
    page.wait_for_timeout(500)
    text: str = page.evaluate("document.body.innerText")
    page.fill("input[name=username], input#username", "manager")
    page.fill("input[name=password], input#password", cockpit.accounts["manager"]["password"])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url, timeout=60_000)
    page.close()
    return text


@pytest.fixture(scope="module")
def overview(cockpit: Cockpit, browser: Any, login_text: str) -> Any:
    """The overview page, settled, with what it asked for and what went wrong."""
    page = browser.new_page()
    page.asked, page.failed, page.console_errors = [], [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on(
        "response",
        lambda response: page.failed.append(response.url) if response.status >= 400 else None,
    )
    page.on(
        "console",
        lambda message: (
            page.console_errors.append(message.text) if message.type == "error" else None
        ),
    )
    page.set_viewport_size(TALL)
    page.goto(f"{cockpit.base_url}{OVERVIEW}")
    page.wait_for_selector(".chart-slice", timeout=90_000)
    settle(page, len(CHARTS))
    return page


def test_login_page_is_chinese(login_text: str, county: duckdb.DuckDBPyConnection) -> None:
    assert "请输入账号和密码" in login_text
    assert english(login_text, county) == []


def test_every_chart_is_drawn_without_an_alert(overview: Any) -> None:
    assert overview.evaluate(ALERTS) == []
    for chart in CHARTS:
        slice_ = overview.locator(f'[data-test-chart-name="{chart["title"]}"]')
        drawn = slice_.locator("canvas, table, .header-line, svg.chart")
        assert drawn.count() > 0, f"{chart['title']} shows nothing"


def test_overview_is_chinese(overview: Any, county: duckdb.DuckDBPyConnection) -> None:
    assert english(overview.evaluate("document.body.innerText"), county) == []


def test_tiles_show_the_latest_month_and_the_change(overview: Any) -> None:
    tiles = [chart for chart in CHARTS if chart["viz"] == "tile"]
    for chart in tiles:
        text = overview.locator(f'[data-test-chart-name="{chart["title"]}"]').inner_text()
        assert re.search(r"\d{4}年\d{1,2}月", text), chart["title"]
        assert "环比" in text, chart["title"]


def test_rates_are_percent_with_one_decimal(overview: Any) -> None:
    text = overview.locator('[data-test-chart-name="基层诊疗人次占比"]').inner_text()
    assert re.search(r"\b\d{1,3}\.\d%", text)


def test_nothing_is_cut_off_in_tables(overview: Any) -> None:
    """No cell of the first screenful of a table reaches beyond a box that hides what sticks out."""
    clipped = overview.evaluate(
        """padding => [...document.querySelectorAll('.chart-slice[data-test-viz-type=table]')]
            .filter(slice => [...slice.querySelectorAll('tbody tr:first-child td')].some(cell => {
                const at = cell.getBoundingClientRect();
                for (let box = cell.parentElement; box !== slice; box = box.parentElement) {
                    if (getComputedStyle(box).overflow === 'visible') continue;
                    const edge = box.getBoundingClientRect();
                    if (at.right > edge.right + padding) return true;
                    if (at.bottom > edge.bottom + padding) return true;
                }
                return cell.scrollWidth > cell.clientWidth + 1;
            })).map(slice => slice.dataset.testChartName)""",
        CELL_PADDING,
    )
    assert clipped == []


def test_banner_facts_stand_inside_the_banner(overview: Any) -> None:
    banner = overview.locator(".grid-row:has(.yigong-banner)").first.bounding_box()
    for title in ("数据发布", "数据接入"):
        cell = overview.locator(f'[data-test-chart-name="{title}"] td').first.bounding_box()
        assert cell["height"] > 15
        assert cell["y"] + cell["height"] <= banner["y"] + banner["height"] + 1


def test_nothing_was_asked_of_another_host(overview: Any, cockpit: Cockpit) -> None:
    outside = [
        url
        for url in overview.asked
        if not url.startswith((cockpit.base_url, "data:", "blob:"))
    ]  # fmt: skip
    assert outside == []
    assert overview.failed == []
    assert overview.console_errors == []


def test_screenshot_is_kept(overview: Any, tmp_path: Path) -> None:
    overview.mouse.move(840, 5)
    path = Path(os.environ.get("YIGONG_COCKPIT_SCREENSHOT", tmp_path / "cockpit.png"))
    overview.evaluate("window.scrollTo(0, 0)")
    last = overview.locator(".grid-row").last.bounding_box()
    height = min(TALL["height"], last["y"] + last["height"] + 16)
    overview.screenshot(
        path=str(path), clip={"x": 0, "y": 0, "width": TALL["width"], "height": height}
    )
    assert path.stat().st_size > 50_000


def test_menus_of_the_page_are_chinese(overview: Any, county: duckdb.DuckDBPyConnection) -> None:
    overview.locator('.chart-slice [aria-label="More Options"]').nth(3).click()
    overview.wait_for_timeout(800)
    text = overview.evaluate(
        "[...document.querySelectorAll('.ant-dropdown, .ant-menu-submenu-popup')]"
        ".map(item => item.innerText).join('\\n')"
    )
    assert len(text) > 10
    assert english(text, county) == []
    overview.keyboard.press("Escape")


def test_a_filter_narrows_every_chart_without_an_error(overview: Any) -> None:
    title = "各机构诊疗人次"
    with overview.expect_response(
        lambda response: "/api/v1/chart/data" in response.url and response.status == 200
    ):
        select = overview.locator('[data-test="filter-bar"] .ant-select, .ant-select').first
        select.click()
        overview.locator(".ant-select-item-option", has_text="乡镇卫生院").first.click()
        overview.keyboard.press("Escape")
        overview.locator('[data-test="filter-bar__apply-button"]').first.click()
    settle(overview, len(CHARTS))
    assert overview.evaluate(ALERTS) == []
    assert overview.locator(f'[data-test-chart-name="{title}"] canvas').count() > 0


def test_list_and_user_menu_are_chinese(
    cockpit: Cockpit, browser: Any, login_text: str, county: duckdb.DuckDBPyConnection
) -> None:
    page = browser.new_page()
    page.goto(f"{cockpit.base_url}/dashboard/list/")
    page.wait_for_selector("text=县域总览", timeout=60_000)
    page.wait_for_timeout(1500)
    page.locator("text=设置").first.hover()
    page.wait_for_timeout(1000)
    assert english(page.evaluate("document.body.innerText"), county) == []
    assert "退出登录" in page.evaluate("document.body.innerText")
    page.close()


def test_the_overview_is_the_first_page_after_login(
    cockpit: Cockpit, browser: Any, login_text: str
) -> None:
    page = browser.new_page()
    page.goto(cockpit.base_url)
    page.wait_for_selector(".chart-slice", timeout=90_000)
    assert "county-overview" in page.url
    page.close()
