"""The main job without a mouse, and keys of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from spacestudio.services.studio import Studio
from tests.browser.test_links import at, two_samples
from tests.browser.test_walkthrough import served, status_has, visitor_sample, wait_rows

pytestmark = pytest.mark.browser
__all__ = ["served"]


def question(page: Any) -> str:
    return str(page.input_value("#question textarea"))


def press_for_question(page: Any, key: str) -> str:
    """Press a key that chooses another question; the question it chose."""
    before = question(page)
    page.keyboard.press(key)
    page.wait_for_function("old => !['', old].includes(document.querySelector('#question textarea').value)", arg=before)
    return question(page)


def test_questions_are_judged_corrected_and_undone_without_a_mouse(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    coffee, cat = two_samples(page, url, studio)
    owner, _ = visitor_sample(studio, "coffee")
    page.keyboard.press("Shift+K")
    at(page, coffee, "image")
    page.keyboard.press("6")
    at(page, coffee, "questions")
    wait_rows(page, "questions", "n > 2")

    first = press_for_question(page, "j")
    second = press_for_question(page, "j")
    assert first != second
    assert press_for_question(page, "k") == first

    def judged(status: str, count: int) -> None:
        page.wait_for_function(
            "([status, n]) => [...document.querySelectorAll('#questions [data-testid^=cell-]')].filter(c => c.innerText.trim() === status).length === n",
            arg=[status, count],
        )

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
    page.wait_for_function("() => document.activeElement.matches('#question textarea')")
    page.keyboard.press("End")
    page.keyboard.type(" aj1?")
    assert question(page).endswith(" aj1?")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("Control+s")
    page.wait_for_function("() => document.getElementById('questions').innerText.includes('aj1?')")
    judged("accepted", 1)
    at(page, coffee, "questions")

    # an edit is previewed and applied by key
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelector('#ask input').checked")
    page.keyboard.press("e")
    page.keyboard.press("End")
    page.keyboard.type(" Really?")
    page.keyboard.press("Control+Enter")
    status_has(page, "preview, not applied")
    assert not [p for p in studio.open(owner, coffee).qa if p.question.endswith("Really?")]
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Shift+A")
    page.wait_for_function("() => document.getElementById('saved').innerText.trim() === 'saved'")
    assert [p for p in studio.open(owner, coffee).qa if p.question.endswith("Really?")]

    # a key without anything to do says so
    page.keyboard.press("1")
    at(page, coffee, "image")
    page.keyboard.press("j")
    page.locator("#studio-said", has_text="works in the Questions tab").wait_for()
    page.keyboard.press("Shift+J")
    at(page, cat, "image")


def test_the_list_of_keys_opens_and_a_key_can_be_changed_for_good(page: Any, served: tuple[str, Studio]) -> None:
    url, _ = served
    page.set_default_timeout(60_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.keyboard.press("?")
    keys = page.locator("#keys")
    keys.wait_for()
    graph = keys.locator("[data-action=tab-graph]")
    assert graph.inner_text() == "4"

    graph.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("6")  # means another thing already
    keys.get_by_text("6 already means “Questions”").wait_for()
    page.keyboard.press("g")
    keys.get_by_text("“Graph” is G now.").wait_for()
    page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    page.keyboard.press("4")
    page.keyboard.press("g")
    page.wait_for_function("() => document.getElementById('tab-graph-button').ariaSelected === 'true'")

    page.reload(wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.keyboard.press("2")
    page.wait_for_function("() => document.getElementById('tab-depth-button').ariaSelected === 'true'")
    page.keyboard.press("g")
    page.wait_for_function("() => document.getElementById('tab-graph-button').ariaSelected === 'true'")

    page.click("#help")
    assert graph.inner_text() == "G"
    keys.get_by_role("button", name="Reset all keys").click()
    assert graph.inner_text() == "4"
