"""New pictures as a person asks for them: a wish, several candidates, cancel, another try, keep, many samples at once."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from playwright.sync_api import TimeoutError, expect

from spacestudio.domain.sample import Sample
from spacestudio.services import judge
from spacestudio.services.studio import Studio
from tests.browser.steps import DESK, Screen, choose, eventually, open_example, place, rows, screens, shows, status_has

pytestmark = pytest.mark.browser


def start(page: Any, served: tuple[str, Studio], screen: Screen) -> tuple[Studio, str, Sample]:
    """The coffee example on the Regenerate tab: a cup, a spoon and a plate."""
    opened = open_example(page, served, tab="Regenerate", screen=screen)
    shows(page, "want-order", "cup")
    return opened


def order(page: Any) -> list[str]:
    """Names in the depth order's list."""
    said: list[str] = page.eval_on_selector_all("#want-order label", "all => all.map(l => l.innerText.trim())")
    return [line.split(". ", 1)[1] for line in said if ". " in line]


def wait_order(page: Any, names: list[str]) -> None:
    """Wait until the depth order's list names them so."""
    eventually(page, lambda: order(page), names)


def thumbs(page: Any) -> Any:
    return page.locator("#candidates button.thumbnail-item")


@screens
def test_wish_order_candidates_cancel_keep(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    studio, owner, sample = start(page, served, screen)
    shows(page, "regenerate-progress", "Ask for something first")
    shows(page, "verdicts", "No picture was made yet")
    expect(page.locator("#regenerate")).to_be_disabled()
    expect(page.locator("#keep")).to_be_disabled()

    # depth order by buttons: the farthest comes one nearer, and back with the other button
    before = eventually(page, lambda: order(page), lambda names: len(names) == 3)
    page.locator("#want-order label").last.click()
    page.wait_for_selector("#want-order label:last-of-type input:checked")
    page.click("#want-nearer")
    wait_order(page, [before[0], before[2], before[1]])
    expect(page.locator("#want-order input:checked")).to_have_count(1)
    page.click("#want-farther")
    wait_order(page, before)
    page.click("#want-reset")
    shows(page, "regenerate-progress", "Ask for something first")

    # a wish, three pictures
    choose(page, "want-subject", "plate")
    choose(page, "want-object", "cup")
    choose(page, "want-predicate", "above")
    page.click("#want-ask")
    shows(page, "wanted", "above")
    shows(page, "regenerate-progress", "Ready")
    page.click("#regenerate")
    shows(page, "regenerate-progress", "made.")
    shows(page, "verdicts", "Candidate with seed")
    made = studio.candidates(owner, sample.id)
    assert 1 <= len(made) <= 3
    expect(thumbs(page)).to_have_count(len(made))
    expect(page.locator("#verdicts .verdict-true, #verdicts .verdict-false, #verdicts .verdict-undecided")).to_have_count(1)
    expect(page.locator("#cancel-regenerate")).to_be_disabled()

    # the first one is chosen, and shown with its own seed
    page.wait_for_selector("#cancel-regenerate:disabled")
    chosen = page.locator("#verdicts", has_text=f"Candidate with seed {made[0].seed}")
    for _ in range(3):  # a drawing of the finished run may still take the choice back
        thumbs(page).first.click()
        with contextlib.suppress(TimeoutError):
            chosen.wait_for(timeout=15_000)
            break
    assert chosen.is_visible()
    eventually(page, page.locator("#before-after img").count, lambda images: images >= 2)

    # eight more, cancelled: what was made stays
    page.locator("#count input[type=number]").fill("8")
    page.locator("#count input[type=number]").press("Tab")
    page.click("#regenerate")
    shows(page, "regenerate-progress", "of 8")
    page.click("#cancel-regenerate")
    shows(page, "regenerate-progress", "Cancelled; what was made stays")
    eventually(page, thumbs(page).count, lambda shown: shown >= len(made))
    after = studio.candidates(owner, sample.id)
    assert {c.id for c in made} <= {c.id for c in after}
    assert len(after) < 8
    page.wait_for_selector("#cancel-regenerate:disabled")

    # nothing is cut off
    wide = screen[1]
    for part in ("#want-order", "#regenerate", "#candidates", "#verdicts", "#keep", "#retry", "#before-after"):
        box = place(page, part)
        assert box["x"] >= 0, part
        assert box["x"] + box["width"] <= wide + 1, part

    page.click("#keep")
    status_has(page, "picture: compositor")
    kept = [e for e in studio.samples(owner) if e.parent == sample.id]
    assert len(kept) == 1


def test_try_again_only_what_failed_and_many_samples(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = start(page, served, DESK)
    studio.act(owner, sample.id, lambda s: judge.want_relation(s, "cup-1", "at the same depth", "plate-1"))
    page.click("#want-reset")  # draws nothing new by itself; then the wish is asked as a person would
    choose(page, "want-subject", "cup")
    choose(page, "want-object", "plate")
    choose(page, "want-predicate", "at the same depth")
    page.click("#want-ask")
    shows(page, "wanted", "same depth")

    # all samples with a wish, from the list
    page.get_by_text("Many samples at once").click()
    shows(page, "many-samples", "coffee")
    page.click("#many-start")
    shows(page, "many-progress", "made.")
    (row,) = eventually(page, lambda: rows(page, "many-summary"), lambda all_: len(all_) == 1 and "coffee" in all_[0][0])
    made = studio.candidates(owner, sample.id)
    assert row[1] == str(len(made))
    shows(page, "verdicts", "Candidate with seed")

    failing = [c for c in made if c.counts["verified"] == 0]
    if failing:
        thumbs(page).nth(made.index(failing[0])).click()
        shows(page, "verdicts", f"seed {failing[0].seed}")
        page.click("#retry")
        expect(page.locator("#regenerate-progress")).to_have_text(re.compile("Better after|Nothing better was found"))
        after = studio.candidates(owner, sample.id)
        assert {c.id for c in made} <= {c.id for c in after}
        better = [c for c in after if c.id not in {m.id for m in made}]
        assert all(c.counts["verified"] > 0 or c.counts["failed"] < failing[0].counts["failed"] for c in better)
    else:
        expect(page.locator("#retry")).to_be_disabled()
