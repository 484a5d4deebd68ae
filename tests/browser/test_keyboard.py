"""The main job without a mouse, and keys of one's own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from spacestudio.services.studio import Studio
from tests.browser.steps import arrive, at, eventually, rows, shows, status_has, two_samples, visitor_sample, wait_rows

pytestmark = pytest.mark.browser


def press_for_question(page: Any, key: str) -> str:
    """Press a key that chooses another question; the question it chose."""
    question = page.locator("#question textarea")
    before = question.input_value()
    page.keyboard.press(key)
    return str(eventually(page, question.input_value, lambda now: now not in ("", before)))


def opens(page: Any, tab: str) -> None:
    """Wait until a tab is open."""
    expect(page.locator(f"#tab-{tab}-button")).to_have_attribute("aria-selected", "true")


def test_questions_are_judged_corrected_and_undone_without_a_mouse(page: Any, served: tuple[str, Studio]) -> None:
    studio, coffee, cat = two_samples(page, served)
    owner, _ = visitor_sample(studio, "coffee")
    page.keyboard.press("Shift+K")
    at(page, coffee, "image")
    page.keyboard.press("6")
    at(page, coffee, "questions")
    wait_rows(page, "questions", least=3)

    first = press_for_question(page, "j")
    second = press_for_question(page, "j")
    assert first != second
    assert press_for_question(page, "k") == first

    def judged(status: str, count: int) -> None:
        eventually(page, lambda: [row[4] for row in rows(page, "questions")].count(status), count)

    page.keyboard.press("a")
    judged("accepted", 1)
    press_for_question(page, "j")
    page.keyboard.press("r")
    judged("rejected", 1)
    page.keyboard.press("Control+z")
    judged("rejected", 0)
    page.keyboard.press("Control+Shift+z")
    judged("rejected", 1)

    # in a text field letters are letters; Ctrl+S saves what was written
    page.keyboard.press("e")
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type(" aj1?")
    expect(page.locator("#question textarea")).to_have_value(re.compile(r" aj1\?$"))
    expect(page.locator("#keys:visible")).to_have_count(0)
    page.keyboard.press("Control+s")
    shows(page, "questions", "aj1?")
    judged("accepted", 1)
    at(page, coffee, "questions")

    # an edit is previewed and applied by key
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")
    expect(page.locator("#ask input")).to_be_checked()
    page.keyboard.press("e")
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type(" Really?")
    page.keyboard.press("Control+Enter")
    status_has(page, "preview, not applied")
    assert not [p for p in studio.open(owner, coffee).qa if p.question.endswith("Really?")]
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Shift+A")
    expect(page.locator("#saved")).to_have_text(re.compile(r"^\s*saved\s*$"))
    assert [p for p in studio.open(owner, coffee).qa if p.question.endswith("Really?")]

    # a key without anything to do says so
    page.keyboard.press("1")
    at(page, coffee, "image")
    page.keyboard.press("j")
    page.locator("#studio-said", has_text="works in the Questions tab").wait_for()
    page.keyboard.press("Shift+J")
    at(page, cat, "image")


def test_the_list_of_keys_opens_and_a_key_can_be_changed_for_good(page: Any, served: tuple[str, Studio]) -> None:
    arrive(page, served)
    page.keyboard.press("?")
    keys = page.locator("#keys")
    keys.wait_for()
    graph = keys.locator("[data-action=tab-graph]")
    expect(graph).to_have_text("4")

    graph.focus()
    page.keyboard.press("Enter")
    keys.get_by_text("Press the new key for “Graph”").wait_for()
    page.keyboard.press("6")  # means another thing already
    keys.get_by_text("6 already means “Questions”").wait_for()
    page.keyboard.press("g")
    keys.get_by_text("“Graph” is G now.").wait_for()
    page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    page.keyboard.press("4")  # means nothing any more
    page.keyboard.press("g")
    opens(page, "graph")

    page.reload(wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.keyboard.press("2")
    opens(page, "depth")
    page.keyboard.press("g")
    opens(page, "graph")

    page.click("#help")
    expect(graph).to_have_text("G")
    keys.get_by_role("button", name="Reset all keys").click()
    expect(graph).to_have_text("4")
