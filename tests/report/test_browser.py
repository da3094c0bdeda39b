"""The HTML report in a browser: read, filtered, walked over by keyboard, light and dark, with scripts that names bring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rlslint.config import Options
from rlslint.pipeline import check
from rlslint.report.formats import render
from rlslint.report.model import Result
from tests.report import hostile
from tests.report.conftest import BROWSER

PROJECT = Path(__file__).parent.parent / "projects" / "training_metrics" / "exists_without_primary_key"
# as WCAG's contrast for text asks
LEAST_CONTRAST = 4.5
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const back = colour(getComputedStyle(one).backgroundColor);
      if (back[3] === 255) return back;
    }
    return [255, 255, 255, 255];
  };
  const light = (rgb) => rgb.slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, n) => sum + value * [0.2126, 0.7152, 0.0722][n], 0);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)) continue;
    const [a, b] = [light(colour(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), element.tagName + " " + element.className + ": " + element.textContent.slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert BROWSER, "the page's tests need a browser: apt-get install chromium"
    # the sandbox needs rights that containers lack; the page is our own, and nothing else is to be asked for
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play, play.chromium.launch(executable_path=BROWSER, args=flags) as one:
        yield one


@pytest.fixture(scope="module")
def incident() -> Result:
    return check(Options(paths=(str(PROJECT),)), cwd=PROJECT)


def opened(
    browser: Browser, folder: Path, result: Result, scheme: Literal["light", "dark"] = "light", width: int = 1280
) -> Page:
    """The report from its file, offline; what goes wrong on the page or asks for the network fails the test."""
    file = folder / "report.html"
    file.write_text(render(result, "html"), encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda message: pytest.fail(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.on("request", lambda request: None if request.url.startswith("file:") else pytest.fail(request.url))
    page.goto(file.as_uri())
    return page


def test_a_cell_shows_its_plan(browser: Browser, incident: Result, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, incident)
    expect(page.get_by_role("table")).to_have_count(len({plan.relid for plan in incident.plans}))
    panel = page.locator("#plan")
    expect(panel).to_be_hidden()
    page.get_by_role("button", name="insert as anon").first.click()
    expect(panel).to_be_visible()
    expect(panel).to_contain_text("seq scan on public.local_training_jobs")
    page.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_search_and_filters(browser: Browser, incident: Result, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, incident)
    shown = page.locator("#shown")
    found = len(incident.findings)
    expect(shown).to_contain_text(f"{found} finding")
    page.get_by_label("Rule").select_option("RLS101")
    expect(page.locator("details.finding:visible")).to_have_count(
        sum(one.rule.code == "RLS101" for one in incident.findings)
    )
    page.get_by_label("Rule").select_option("")
    page.get_by_label("Search").fill("no such word anywhere")
    expect(page.get_by_text("Nothing fits the filter.")).to_be_visible()
    page.get_by_label("Search").fill("LOCAL_training metrics")
    expect(page.locator("details.finding:visible").first).to_be_visible()
    page.get_by_label("Search").fill("")
    page.get_by_label("only tables with findings").check()
    for section in page.locator("section.table:visible").all():
        expect(section.locator("details.finding").first).to_be_visible()


def test_a_finding_opens_to_its_source_and_its_cure(browser: Browser, incident: Result, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, incident)
    finding = page.locator("details.finding[data-rule=RLS101]").first
    finding.locator("summary").first.click()
    expect(finding.locator("pre").first).to_contain_text("SELECT 1 FROM local_training_jobs WHERE id = job_id")
    expect(finding.locator("ins").first).to_contain_text("CREATE INDEX CONCURRENTLY")


def test_the_keyboard_reaches_everything(browser: Browser, incident: Result, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, incident)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the tables")).to_be_focused()
    cell = page.locator("td button").first
    cell.focus()
    page.keyboard.press("ArrowRight")
    second = page.locator("td button").nth(1)
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#plan")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#plan")).to_be_hidden()
    expect(second).to_be_focused()
    # all that can be clicked has a name that a screen reader says
    for button in page.get_by_role("button").all():
        assert (button.get_attribute("aria-label") or button.inner_text()).strip()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(browser: Browser, incident: Result, tmp_path: Path, scheme: Literal["light", "dark"]) -> None:
    page = opened(browser, tmp_path, incident, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.locator("td button").first.click()
    contrasts: list[tuple[float, str]] = page.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert [one for one in contrasts if one[0] < LEAST_CONTRAST] == []


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_runs_over_the_page_s_edge(browser: Browser, incident: Result, tmp_path: Path, width: int) -> None:
    page = opened(browser, tmp_path, incident, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_names_run_nothing(browser: Browser, tmp_path: Path) -> None:
    hostile.write(tmp_path)
    result = check(Options(paths=(str(tmp_path),), preset="none"), cwd=tmp_path)
    page = opened(browser, tmp_path, result)
    expect(page.locator("details.finding")).to_have_count(len(result.findings))
    for button in page.locator("td button").all()[:20]:
        button.click()
    assert page.evaluate("document.querySelectorAll('img, b > i, iframe, a:not(.skip)').length") == 0
