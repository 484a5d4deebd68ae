"""The Questions tab as a curator works in it, and two windows at once."""

from __future__ import annotations

from typing import Any

import pytest

from spacestudio.services.studio import Studio
from tests.browser.test_graph_canvas import Screen, screens
from tests.browser.test_walkthrough import (
    choose,
    click_row,
    open_tab,
    rows,
    served,
    shows,
    status_has,
    visitor_sample,
    wait_rows,
)
from tests.services.test_studio import correctable

__all__ = ["served"]
pytestmark = pytest.mark.browser


def go(page: Any, title: str) -> None:
    """Open a tab, also one that a narrow page hides behind its menu."""
    tab = page.get_by_role("tab", name=title, exact=True)
    if tab.is_visible():
        tab.click()
        return
    page.locator(".overflow-menu > button").first.click()
    page.locator(".overflow-dropdown button", has_text=title).click()


def statuses(page: Any) -> list[str]:
    return [row[4] for row in rows(page, "questions")]


def count_is(page: Any, words: str) -> None:
    page.wait_for_function("words => document.getElementById('qa-count').innerText.includes(words)", arg=words)


@screens
def test_questions_are_filtered_seen_corrected_and_judged_in_bulk(
    page: Any, served: tuple[str, Studio], screen: Screen
) -> None:
    url, studio = served
    theme, width, height = screen
    page.set_default_timeout(30_000)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{url}?__theme={theme}", wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-coffee")
    status_has(page, "coffee")
    owner, sample = visitor_sample(studio, "coffee")
    total = len(sample.qa)
    go(page, "Questions")
    count_is(page, f"{total} of {total} shown")

    # filters: family, verdict, text; each shows what the sample holds
    choose(page, "qa-family", "existence")
    wanted = [p for p in sample.qa if p.family == "existence"]
    count_is(page, f"{len(wanted)} of {total} shown")
    assert {row[3] for row in rows(page, "questions")} == {"existence"}
    choose(page, "qa-family", "all families")
    choose(page, "qa-verdict", "✗ failed")
    count_is(page, f"0 of {total} shown")  # what the graph was asked it answers
    choose(page, "qa-verdict", "✓ verified")
    count_is(page, f"{total} of {total} shown")
    page.locator("#qa-text input, #qa-text textarea").first.fill("spoon")
    spoons = [p for p in sample.qa if "spoon" in f"{p.question} {p.answer}".lower()]
    count_is(page, f"{len(spoons)} of {total} shown")

    # a chosen question shows its facts, and its objects on the picture
    click_row(page, "questions", 0)
    first = spoons[0]
    page.wait_for_function("q => document.querySelector('#question textarea').value === q", arg=first.question)
    shows(page, "qa-facts", "✓ verified by the graph")
    page.wait_for_selector("#qa-picture img")

    # judged one by one, then all that are shown at once; taken back, undone
    page.click("#qa-flag")
    page.wait_for_function("() => document.getElementById('questions').innerText.includes('flagged')")
    page.click("#accept-all")
    count_is(page, f"{len(spoons)} accepted")
    assert set(statuses(page)) == {"accepted"}
    page.click("#undo")
    count_is(page, "· 0 accepted")
    assert sorted(set(statuses(page))) == ["flagged", "proposed"]
    page.click("#redo")
    count_is(page, f"{len(spoons)} accepted")
    stored = {p.key: p.status for p in studio.open(owner, sample.id).qa}
    assert {stored[p.key] for p in spoons} == {"accepted"}
    assert all(status == "proposed" for key, status in stored.items() if key not in {p.key for p in spoons})
    choose(page, "qa-status", "accepted")
    page.locator("#qa-text input, #qa-text textarea").first.fill("")
    count_is(page, f"{len(spoons)} of {total} shown")

    # a wrong answer, the graph left as it is, is found by the verdict
    pair, flipped, _ = correctable(sample)
    choose(page, "qa-status", "any status")
    page.locator("#qa-text input, #qa-text textarea").first.fill(pair.question)
    count_is(page, f"1 of {total} shown")
    click_row(page, "questions", 0)
    page.wait_for_function("q => document.querySelector('#question textarea').value === q", arg=pair.question)
    page.locator("#fix-graph input").uncheck()
    page.locator("#answer input").fill(flipped)
    page.keyboard.press("Enter")
    page.click("#qa-save")
    shows(page, "qa-facts", "✗ failed by the graph")
    page.locator("#qa-text input, #qa-text textarea").first.fill("")
    choose(page, "qa-verdict", "✗ failed")
    count_is(page, f"1 of {total} shown")


def test_two_windows_on_one_sample_do_not_overwrite_each_other(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    page.set_default_timeout(30_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-coffee")
    status_has(page, "coffee")
    owner, sample = visitor_sample(studio, "coffee")
    other = page.context.new_page()
    other.set_default_timeout(30_000)
    other.goto(f"{url}?sample={sample.id}&tab=graph", wait_until="domcontentloaded")
    status_has(other, "coffee")
    wait_rows(other, "relations", "n > 3")

    # one window corrects a relation; the other, which has not seen it, accepts questions and corrects another
    open_tab(page, "Graph")
    wait_rows(page, "relations", "n > 3")
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
        assert any(row[1:4] == [subject, "above", "plate"] for row in rows(other, "relations"))

    # what one window deletes, the other can't edit any more: it is told, and shows what there is
    open_tab(other, "Image")
    wait_rows(other, "objects", "n === 3")
    open_tab(page, "Image")
    wait_rows(page, "objects", "n === 3")
    page.locator("#boxes .be-pill[data-box=spoon-1]").click()
    page.wait_for_function("() => document.querySelector('#object-label textarea, #object-label input').value === 'spoon'")
    page.click("#object-delete")
    wait_rows(page, "objects", "n === 2")
    other.locator("#boxes .be-pill[data-box=spoon-1]").click()
    wait_rows(other, "objects", "n === 2")
    assert [o.id for o in studio.open(owner, sample.id).objects] == ["cup-1", "plate-1"]
    page.click("#undo")
    wait_rows(page, "objects", "n === 3")
    assert len(studio.open(owner, sample.id).objects) == 3
