"""The header that is always there: edits that wait, what was undone, messages, and how much room it takes."""

from __future__ import annotations

from typing import Any

import pytest

from spacestudio.services.studio import Studio
from tests.browser.test_walkthrough import choose, open_tab, served, shows, status_has, visitor_sample, wait_rows

pytestmark = pytest.mark.browser
__all__ = ["served"]

SEEN = """id => { const r = document.getElementById(id)?.getBoundingClientRect();
    return !!r && r.height > 0 && r.top >= 0 && r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth
      && document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2)?.closest('#head') !== null; }"""
"""Whether an element of the header is in sight, nothing over it."""


def opened(browser: Any, url: str, width: int, height: int, theme: str) -> Any:
    """A page of a new visitor with the coffee open in the Graph tab."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={theme}", wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-coffee")
    status_has(page, "coffee")
    page.evaluate("studioPlace.go({ tab: 'graph' }, true)")
    wait_rows(page, "relations", "n > 3")
    return page


def correct(page: Any, subject: str, predicate: str, object_: str) -> None:
    choose(page, "subject", subject)
    choose(page, "predicate", predicate)
    choose(page, "object", object_)
    page.click("#correct")


def header_height(page: Any) -> float:
    return float(page.evaluate("document.getElementById('head').getBoundingClientRect().height"))


@pytest.mark.parametrize(("width", "height", "theme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_an_edit_that_waits_is_one_line_of_the_header(
    browser: Any, served: tuple[str, Studio], width: int, height: int, theme: str
) -> None:
    url, studio = served
    page = opened(browser, url, width, height, theme)
    owner, sample = visitor_sample(studio, "coffee")
    calm = header_height(page)
    assert calm < height / 5

    page.locator("#ask input").check()
    correct(page, "cup", "right of", "plate")
    shows(page, "followed", "cup is right of plate")
    assert header_height(page) - calm < 60
    assert header_height(page) <= height / 4
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    for part in ("samples", "undo", "redo", "saved", "status", "followed", "apply-draft", "discard-draft"):
        assert page.evaluate(SEEN, part), f"{part} is not in sight"
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    # all of it folds out below the line, and scrolls by itself
    assert not page.locator("#follows").is_visible()
    page.locator("#followed > button").click()
    shows(page, "follows", "cup is above plate → cup is right of plate")
    assert page.locator("#follows").is_visible()
    assert page.evaluate("document.getElementById('follows').getBoundingClientRect().height") <= height * 0.35
    page.locator("#followed > button").click()

    # over a reload edits are still previewed; and the tick box loses nothing: the edit waits, is told of, can be applied
    page.reload(wait_until="domcontentloaded")
    shows(page, "followed", "cup is right of plate")
    page.wait_for_function("() => document.querySelector('#ask input').checked")
    page.locator("#ask input").uncheck()
    page.locator("[data-testid=toast-body]", has_text="An edit still waits").wait_for()
    assert page.evaluate(SEEN, "apply-draft")
    assert not [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]
    page.click("#apply-draft")
    status_has(page, "saved")
    assert [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]
    page.context.close()


def test_undo_says_what_it_undid_and_messages_do_not_pile_up(browser: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    page = opened(browser, url, 1440, 900, "light")
    owner, sample = visitor_sample(studio, "coffee")
    for predicate in ("right of", "below"):
        correct(page, "cup", predicate, "plate")
        page.locator("[data-testid=toast-body]", has_text=f"cup is {predicate} plate").wait_for()
        assert page.locator("[data-testid=toast-text]:visible").count() == 1
    assert "question" in page.locator("[data-testid=toast-text]:visible").inner_text()  # what followed, in the same line

    page.hover("#undo")
    assert page.get_attribute("#undo", "title") == "Undo “Correct: cup is below plate” (Ctrl+Z)"
    page.click("#undo")
    page.locator("[data-testid=toast-body]", has_text="Undone: “Correct: cup is below plate”.").wait_for()
    assert page.locator("[data-testid=toast-text]:visible").count() == 1
    page.hover("#redo")
    assert str(page.get_attribute("#redo", "title")).startswith("Redo “Correct: cup is below plate”")
    page.click("#redo")
    page.locator("[data-testid=toast-body]", has_text="Done again: “Correct: cup is below plate”.").wait_for()

    # what can't be undone is asked about first
    length = len(studio.open(owner, sample.id).events)
    open_tab(page, "Data set")
    page.click("#compact")
    page.click("#compact-no")
    page.locator("#compact-sure").wait_for(state="hidden")
    assert len(studio.open(owner, sample.id).events) == length
    page.click("#compact")
    page.click("#compact-sure")
    page.locator("[data-testid=toast-body]", has_text="can't be undone").wait_for()
    assert len(studio.open(owner, sample.id).events) < length
    page.context.close()
