"""The Questions tab as a curator works in it, and two windows at once."""

from __future__ import annotations

from typing import Any

import pytest

from spacestudio.services.studio import Studio
from tests.browser.steps import (
    PATIENCE,
    Screen,
    choose,
    click_row,
    eventually,
    field,
    open_example,
    open_tab,
    reads,
    rows,
    screens,
    shows,
    status_has,
    wait_rows,
)
from tests.services.test_studio import correctable

pytestmark = pytest.mark.browser


FAMILY, STATUS = 3, 4
"""Columns of the questions."""


def column(page: Any, number: int, wanted: list[str]) -> None:
    """Wait until what a column of the questions says, each thing once and sorted, is what is expected."""
    eventually(page, lambda: sorted({row[number] for row in rows(page, "questions")}), wanted)


def count_is(page: Any, words: str) -> None:
    """Wait until the line above the questions counts so many."""
    shows(page, "qa-count", words)


@screens
def test_questions_are_filtered_seen_corrected_and_judged_in_bulk(
    page: Any, served: tuple[str, Studio], screen: Screen
) -> None:
    studio, owner, sample = open_example(page, served, tab="Questions", screen=screen)
    total = len(sample.qa)
    count_is(page, f"{total} of {total} shown")

    # filters: family, verdict, text; each shows what the sample holds
    choose(page, "qa-family", "existence")
    wanted = [p for p in sample.qa if p.family == "existence"]
    count_is(page, f"{len(wanted)} of {total} shown")
    column(page, FAMILY, ["existence"])
    choose(page, "qa-family", "all families")
    choose(page, "qa-verdict", "✗ failed")
    count_is(page, f"0 of {total} shown")  # what the graph was asked it answers
    choose(page, "qa-verdict", "✓ verified")
    count_is(page, f"{total} of {total} shown")
    field(page, "qa-text").fill("spoon")
    spoons = [p for p in sample.qa if "spoon" in f"{p.question} {p.answer}".lower()]
    count_is(page, f"{len(spoons)} of {total} shown")

    # a chosen question shows its facts, and its objects on the picture
    click_row(page, "questions", 0)
    first = spoons[0]
    reads(page, "question", first.question)
    shows(page, "qa-facts", "✓ verified by the graph")
    page.wait_for_selector("#qa-picture img")

    # judged one by one, then all that are shown at once; taken back, undone
    page.click("#qa-flag")
    shows(page, "questions", "flagged")
    page.click("#accept-all")
    count_is(page, f"{len(spoons)} accepted")
    column(page, STATUS, ["accepted"])
    page.click("#undo")
    count_is(page, "· 0 accepted")
    column(page, STATUS, ["flagged", "proposed"])
    page.click("#redo")
    count_is(page, f"{len(spoons)} accepted")
    stored = {p.key: p.status for p in studio.open(owner, sample.id).qa}
    assert {stored[p.key] for p in spoons} == {"accepted"}
    assert all(status == "proposed" for key, status in stored.items() if key not in {p.key for p in spoons})
    choose(page, "qa-status", "accepted")
    field(page, "qa-text").fill("")
    count_is(page, f"{len(spoons)} of {total} shown")

    # a wrong answer, the graph left as it is, is found by the verdict
    pair, flipped, _ = correctable(sample)
    choose(page, "qa-status", "any status")
    field(page, "qa-text").fill(pair.question)
    count_is(page, f"1 of {total} shown")
    click_row(page, "questions", 0)
    reads(page, "question", pair.question)
    page.locator("#fix-graph input").uncheck()
    page.locator("#answer input").fill(flipped)
    page.keyboard.press("Enter")
    page.click("#qa-save")
    shows(page, "qa-facts", "✗ failed by the graph")
    field(page, "qa-text").fill("")
    choose(page, "qa-verdict", "✗ failed")
    count_is(page, f"1 of {total} shown")


def test_two_windows_on_one_sample_do_not_overwrite_each_other(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = open_example(page, served)
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(f"{served[0]}?sample={sample.id}&tab=graph", wait_until="domcontentloaded")
    status_has(other, "coffee")
    wait_rows(other, "relations", least=4)

    # one window corrects a relation; the other, which has not seen it, accepts questions and corrects another
    open_tab(page, "Graph")
    wait_rows(page, "relations", least=4)
    for window, subject in ((page, "cup"), (other, "spoon")):
        choose(window, "subject", subject)
        choose(window, "predicate", "above")
        choose(window, "object", "plate")
        window.click("#correct")
        shows(window, "relations", "person")
    own = {
        (r.subject, r.predicate, r.object): r.verdict
        for r in studio.open(owner, sample.id).graph
        if r.origin == "person" and r.predicate == "above"
    }
    assert own == {("cup-1", "above", "plate-1"): "true", ("spoon-1", "above", "plate-1"): "true"}
    for subject in ("cup", "spoon"):  # the later window shows what the earlier one did
        eventually(
            other,
            lambda: [row[1:4] for row in rows(other, "relations")],
            lambda all_, s=subject: [s, "above", "plate"] in all_,
        )

    # what one window deletes, the other can't edit any more: it is told, and shows what there is
    open_tab(other, "Image")
    wait_rows(other, "objects", 3)
    open_tab(page, "Image")
    wait_rows(page, "objects", 3)
    page.locator("#boxes .be-pill[data-box=spoon-1]").click()
    reads(page, "object-label", "spoon")
    page.click("#object-delete")
    wait_rows(page, "objects", 2)
    other.locator("#boxes .be-pill[data-box=spoon-1]").click()
    wait_rows(other, "objects", 2)
    assert [o.id for o in studio.open(owner, sample.id).objects] == ["cup-1", "plate-1"]
    page.click("#undo")
    wait_rows(page, "objects", 3)
    eventually(page, lambda: len(studio.open(owner, sample.id).objects), 3)
