"""A data set of many samples: found by name, turned by pages, chosen and judged together, with the keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from spacestudio.domain.events import Event
from spacestudio.services.studio import Studio
from tests.browser.steps import Screen, eventually, field, open_example, rows, screens, shows

pytestmark = pytest.mark.browser


def start(page: Any, served: tuple[str, Studio], screen: Screen) -> tuple[Studio, str]:
    """The Data set tab of a visitor with 60 samples, every third a hall."""
    studio, owner, sample = open_example(page, served, screen=screen)
    for k in range(1, 60):
        made = dict(sample.events[0].payload) | {"name": f"Hall {k}" if k % 3 == 0 else f"kitchen {k}"}
        studio._create(owner, f"made-{k:08x}", [Event(1, "created", made), *sample.events[1:]])
    page.goto(f"{served[0]}?__theme={screen[0]}&tab=dataset", wait_until="domcontentloaded")
    shows(page, "samples-count", "1–24 of 60 samples · 60 chosen")
    return studio, owner


def press(page: Any, button: str) -> None:
    """Press a button by its key, once it can be pressed."""
    page.locator(f"#{button}:enabled").focus()
    page.keyboard.press("Enter")


@screens
def test_many_samples_are_found_chosen_and_judged_by_keyboard(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    studio, owner = start(page, served, screen)
    press(page, "samples-on")
    shows(page, "samples-count", "25–48 of 60")
    eventually(page, lambda: rows(page, "samples-table"), lambda all_: all_ and all_[0][0] == "25")
    field(page, "samples-text").fill("hall")
    shows(page, "samples-count", "1–19 of 19 that the filter leaves, 60 samples in all")
    press(page, "choose-none")
    shows(page, "samples-count", "0 chosen")
    press(page, "choose-found")
    shows(page, "samples-count", "19 chosen")
    page.locator("#export-samples input").first.focus()
    page.keyboard.press("Space")
    shows(page, "samples-count", "18 chosen")

    press(page, "bulk-flagged")
    shows(page, "bulk-words", "Flag 18 samples?")
    press(page, "bulk-no")
    page.locator("#bulk-ask").wait_for(state="hidden")
    assert {entry.review for entry in studio.samples(owner)} == {"draft"}
    press(page, "bulk-flagged")
    press(page, "bulk-yes")
    page.locator("#bulk-ask").wait_for(state="hidden")
    flagged = [entry.name for entry in studio.samples(owner) if entry.review == "flagged"]
    assert flagged == [f"Hall {k}" for k in range(6, 60, 3)]

    # the filter by review, and a page's ticks, which leave other pages alone
    field(page, "samples-text").fill("")
    shows(page, "samples-count", "1–24 of 60")
    expect(page.locator("#export-samples input:checked")).to_have_count(len([n for n in flagged if int(n[5:]) < 24]))
    press(page, "bulk-deleted")
    shows(page, "bulk-words", "Delete 18 samples for good?")
    press(page, "bulk-yes")
    shows(page, "samples-count", "1–24 of 42 samples · 0 chosen")
    assert len(studio.samples(owner)) == 42
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
