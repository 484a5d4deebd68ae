"""The header that is always there: edits that wait, what was undone, messages, and how much room it takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from spacestudio.services.studio import Studio
from tests.browser.steps import (
    DESK,
    Screen,
    choose,
    eventually,
    open_example,
    open_tab,
    place,
    screens,
    shows,
    status_has,
    toast,
    wait_rows,
)

pytestmark = pytest.mark.browser

SEEN = """id => { const r = document.getElementById(id)?.getBoundingClientRect();
    return !!r && r.height > 0 && r.top >= 0 && r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth
      && document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2)?.closest('#head') !== null; }"""
"""Whether an element of the header is in sight, nothing over it."""


def correct(page: Any, subject: str, predicate: str, object_: str) -> None:
    choose(page, "subject", subject)
    choose(page, "predicate", predicate)
    choose(page, "object", object_)
    page.click("#correct")


def header_height(page: Any) -> float:
    return place(page, "#head")["height"]


def in_sight(page: Any, *parts: str) -> None:
    """Wait until parts of the header are in sight, nothing over them."""
    eventually(page, lambda: [part for part in parts if not page.evaluate(SEEN, part)], [])


def only_message(page: Any, *words: str) -> None:
    """Wait until one message is shown and says these words."""
    for said in words:
        expect(page.locator("[data-testid=toast-text]:visible")).to_contain_text([said])  # a list: as many as it has


@screens
def test_an_edit_that_waits_is_one_line_of_the_header(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    _, width, height = screen
    studio, owner, sample = open_example(page, served, tab="Graph", screen=screen)
    wait_rows(page, "relations", least=4)
    calm = header_height(page)
    assert calm < height / 5

    page.locator("#ask input").check()
    correct(page, "cup", "right of", "plate")
    shows(page, "followed", "cup is right of plate")
    eventually(page, lambda: header_height(page), lambda tall: tall - calm < 60 and tall <= height / 4)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    in_sight(page, "samples", "undo", "redo", "saved", "status", "followed", "apply-draft", "discard-draft")
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    # all of it folds out below the line, and scrolls by itself
    expect(page.locator("#follows")).to_be_hidden()
    page.locator("#followed > button").click()
    shows(page, "follows", "cup is above plate → cup is right of plate")
    expect(page.locator("#follows")).to_be_visible()
    assert place(page, "#follows")["height"] <= height * 0.35
    page.locator("#followed > button").click()
    expect(page.locator("#follows")).to_be_hidden()

    # over a reload edits are still previewed; and the tick box loses nothing: the edit waits, is told of, can be applied
    page.reload(wait_until="domcontentloaded")
    shows(page, "followed", "cup is right of plate")
    expect(page.locator("#ask input")).to_be_checked()
    page.locator("#ask input").uncheck()
    toast(page, "An edit still waits")
    in_sight(page, "apply-draft")
    assert not [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]
    page.click("#apply-draft")
    status_has(page, "saved")
    assert [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]


def test_undo_says_what_it_undid_and_messages_do_not_pile_up(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = open_example(page, served, tab="Graph", screen=DESK)
    wait_rows(page, "relations", least=4)
    for predicate in ("right of", "below"):
        correct(page, "cup", predicate, "plate")
        only_message(page, f"cup is {predicate} plate", "question")  # with what followed, in the same line

    last = "“Correct: cup is below plate”"
    page.hover("#undo")
    expect(page.locator("#undo")).to_have_attribute("title", f"Undo {last} (Ctrl+Z)")
    page.click("#undo")
    only_message(page, f"Undone: {last}.")
    page.hover("#redo")
    expect(page.locator("#redo")).to_have_attribute("title", re.compile(f"^Redo {last}"))
    expect(page.locator("#undo")).to_have_attribute("title", "Undo “Correct: cup is right of plate” (Ctrl+Z)")
    page.click("#redo")
    only_message(page, f"Done again: {last}.")

    # what can't be undone is asked about first
    length = len(studio.open(owner, sample.id).events)
    open_tab(page, "Data set")
    page.click("#compact")
    page.click("#compact-no")
    expect(page.locator("#compact-sure")).to_be_hidden()
    assert len(studio.open(owner, sample.id).events) == length
    page.click("#compact")
    page.click("#compact-sure")
    toast(page, "can't be undone")
    assert len(studio.open(owner, sample.id).events) < length
