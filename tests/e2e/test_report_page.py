"""The HTML report of real processes in a real browser."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser import chromium
from tests.emulator import Emulator
from tests.npm import node_modules
from tests.program import ROOT, GitHubStep
from tests.slow import mostly_slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser]
SHOTS = ROOT / "out" / "screenshots"
DEVICES: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "desktop": (1200, "light"),
    "phone": (390, "dark"),
}
SCENARIOS = ("success", "failed", "hostile", "paused", "documented", "many-events")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The report of a scenario, written by a step that ran it when it was first asked for."""

    @functools.cache
    def report(scenario: str) -> Path:
        folder = tmp_path_factory.mktemp(scenario)
        return report_of(scenario, folder)

    return report


def report_of(scenario: str, folder: Path, **inputs: str) -> Path:
    step = GitHubStep(
        folder, inputs={"prompt": "Fix <b>the</b> login", "output-dir": ".", **inputs}
    )
    with Emulator(scenario, speed=50) as emulator:
        step.inputs |= {
            "base-url": emulator.url,
            "api-key": emulator.token,
            "poll-interval": "100ms",
        }
        ended = step.run()
    assert ended.err == ""
    return step.workspace / "report.html"


def opened(browser: Browser, report: Path, device: str = "desktop") -> tuple[Page, list[str]]:
    """Open a page; return it, and everything that it does which it must not do."""
    (width, scheme), wrong = DEVICES[device], list[str]()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    page.on("popup", lambda popup: wrong.append(f"popup: {popup.url}"))
    page.on("request", lambda request: wrong.append(f"request: {request.url}"))
    page.goto(report.as_uri())
    wrong.remove(f"request: {report.as_uri()}")
    return page, wrong


@pytest.mark.parametrize("scenario", mostly_slow(SCENARIOS, every=6))
def test_nothing_leaves_nothing_complains_and_it_fits(
    browser: Browser, reports: Callable[[str], Path], scenario: str
) -> None:
    for device in DEVICES:
        page, wrong = opened(browser, reports(scenario), device)
        page.screenshot(path=SHOTS / f"report-{scenario}-{device}.png", full_page=True)
        page.evaluate(
            "document.querySelectorAll('details').forEach(details => { details.open = true })"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert (
            page.locator("script, iframe, img, object, link:not([rel=icon]), form, base").count()
            == 0
        )
        assert page.evaluate("[...document.links].every(link => /^(https:|file:)/.test(link.href))")
        assert [what for what in wrong if not what.startswith("request: data:")] == []
        page.close()


@pytest.mark.node
@pytest.mark.parametrize("scenario", mostly_slow(SCENARIOS, every=6))
def test_everybody_can_read_it(
    browser: Browser, reports: Callable[[str], Path], scenario: str
) -> None:
    """As far as axe can tell: names, roles, keyboard and contrast, by the rules of WCAG and its
    good practice.
    """
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    for device in DEVICES:
        page, _ = opened(browser, reports(scenario), device)
        for unfolded in (False, True):
            page.evaluate(
                "unfolded => document.querySelectorAll('details').forEach(item => item.open = unfolded)",
                unfolded,
            )
            page.evaluate(axe)
            found = page.evaluate("axe.run()")
            assert [
                (rule["id"], [node["html"] for node in rule["nodes"]])
                for rule in found["violations"]
            ] == []
            assert len(found["passes"]) > 20, "axe has looked at the page"
        page.close()


def test_it_answers_at_a_glance(browser: Browser, reports: Callable[[str], Path]) -> None:
    page, _ = opened(browser, reports("success"))
    assert page.title() == "✔ Run succeeded · acme/web"
    assert page.locator("h1").inner_text() == "Run succeeded"
    button = page.get_by_role("link", name="Open the pull request")
    assert button.get_attribute("href") == "https://github.com/acme/web/pull/42"
    assert page.locator(".legend li").count() == 5
    assert page.locator(".title").inner_text() == "Fix <b>the</b> login"
    page.get_by_text("The task").click()
    assert page.locator("pre", has_text="Fix <b>the</b> login").is_visible()
    page.get_by_text("Ids and counts").click()
    assert page.locator("td").all_inner_texts()[:2] == ["Repository", "acme/web"]
    page, _ = opened(browser, reports("failed"))
    assert page.locator("h1").inner_text() == "Run failed"
    assert page.locator("section pre").first.inner_text() == "Agent run exited with code 1.\n"
    assert page.locator("li.bad").last.inner_text().startswith("00:")


@pytest.mark.slow
def test_paper_shows_what_is_folded(browser: Browser, reports: Callable[[str], Path]) -> None:
    page, _ = opened(browser, reports("success"))
    body = page.locator(".entries details:not([open]) pre").first
    assert not body.is_visible()
    page.emulate_media(media="print")
    box = body.bounding_box()
    assert box is not None
    assert box["height"] > 10
