"""The address names what is open: links, back and forward, reload, and a connection that drops."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from spacestudio.services.studio import Studio
from spacestudio.ui import frame
from tests.browser.steps import (
    PATIENCE,
    at,
    click_row,
    eventually,
    field,
    open_tab,
    place,
    reads,
    shows,
    status_has,
    toast,
    two_samples,
    visitor_sample,
    wait_rows,
)

pytestmark = pytest.mark.browser


def test_a_link_opens_its_sample_and_tab_and_back_goes_back(page: Any, served: tuple[str, Studio]) -> None:
    url, _ = served
    _, coffee, cat = two_samples(page, served)

    open_tab(page, "Graph")
    at(page, cat, "graph")
    page.go_back()
    at(page, cat, "image")
    page.go_back()
    at(page, coffee, "image")
    status_has(page, "coffee")
    page.go_forward()
    at(page, cat, "image")
    page.go_forward()
    at(page, cat, "graph")

    page.reload(wait_until="domcontentloaded")
    at(page, cat, "graph")

    page.goto(f"{url}?sample={coffee}&tab=questions", wait_until="domcontentloaded")
    at(page, coffee, "questions")
    status_has(page, "coffee")
    wait_rows(page, "questions", least=3)

    # a link to what is not here says so, and shows the newest; nothing of the link is believed
    page.goto(f"{url}?sample=nobody-1234&tab=nowhere", wait_until="domcontentloaded")
    toast(page, "The sample of this link is not here")
    at(page, cat, "questions")


def test_a_dropped_connection_is_said_and_loses_nothing(page: Any, served: tuple[str, Studio]) -> None:
    url, _ = served
    studio, coffee, _ = two_samples(page, served)
    page.goto(f"{url}?sample={coffee}&tab=graph", wait_until="domcontentloaded")
    at(page, coffee, "graph")
    wait_rows(page, "relations", least=3)
    owner, sample = visitor_sample(studio, "coffee")

    page.context.set_offline(True)
    lost = page.locator("#studio-lost")
    expect(lost).to_contain_text("Connection lost; what you did before is saved.")
    studio.rename(owner, sample.id, "coffee, renamed elsewhere")
    page.context.set_offline(False)
    lost.wait_for(state="hidden")
    status_has(page, "coffee, renamed elsewhere")  # what happened meanwhile is shown, at the same place
    at(page, coffee, "graph")
    shows(page, "saved", "saved")


def test_a_slow_arrival_is_not_overtaken(page: Any, served: tuple[str, Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page's parts say of themselves while it arrives must not name another sample or tab."""
    url, _ = served
    _, coffee, _ = two_samples(page, served)
    opened = frame.opened

    def late(of: Studio, visitor: Any, sample_id: Any) -> Any:
        if not sample_id:  # whoever draws without having heard of the sample takes its time
            time.sleep(3)
        return opened(of, visitor, sample_id)

    monkeypatch.setattr(frame, "opened", late)
    page.goto(f"{url}?sample={coffee}&tab=questions", wait_until="domcontentloaded")
    at(page, coffee, "questions")
    wait_rows(page, "questions", least=3)
    page.wait_for_timeout(5000)  # whatever else was on its way has come
    at(page, coffee, "questions")
    status_has(page, "coffee")


def chosen_question(page: Any, row: int) -> str:
    """Choose a question in the table; its wording."""
    words = wait_rows(page, "questions", least=3)[row][1]
    click_row(page, "questions", row)
    reads(page, "question", words)
    return words


def write_more(page: Any, words: str) -> None:
    """Type at the end of the question."""
    page.click("#question textarea")
    page.keyboard.press("End")
    page.keyboard.type(words)


def test_typed_text_outlives_a_reload_another_tab_and_another_question(page: Any, served: tuple[str, Studio]) -> None:
    url, _ = served
    studio, coffee, _ = two_samples(page, served)
    page.goto(f"{url}?sample={coffee}&tab=questions", wait_until="domcontentloaded")
    at(page, coffee, "questions")
    owner, _ = visitor_sample(studio, "coffee")
    words = chosen_question(page, 0)
    write_more(page, " Honestly?")
    page.click("#answer input")
    page.keyboard.press("Control+a")
    page.keyboard.type("No")
    page.keyboard.press("Tab")

    page.reload(wait_until="domcontentloaded")
    at(page, coffee, "questions")
    reads(page, "question", f"{words} Honestly?")
    reads(page, "answer", "No")
    page.locator("#question[data-unsaved]").wait_for()
    open_tab(page, "Graph")
    at(page, coffee, "graph")
    page.go_back()
    at(page, coffee, "questions")
    reads(page, "question", f"{words} Honestly?")
    other = chosen_question(page, 1)
    reads(page, "answer", "Yes")
    reads(page, "question", other)
    click_row(page, "questions", 0)
    reads(page, "question", f"{words} Honestly?")
    reads(page, "answer", "No")

    # the studio knows of the text that was put back: it is saved as it stands, and then no longer waits
    page.locator("#fix-graph input").uncheck()
    page.click("#qa-save")
    shows(page, "questions", f"{words} Honestly?")
    page.locator("#question:not([data-unsaved])").wait_for()
    pair = next(p for p in studio.open(owner, coffee).qa if p.question == f"{words} Honestly?")
    assert (pair.answer, pair.origin) == ("No", "person")

    # an object's name, typed over another; Escape takes it back
    open_tab(page, "Image")
    click_row(page, "objects", 0)
    reads(page, "object-label", "cup")
    field(page, "object-label").press_sequentially("!")
    typed = eventually(page, field(page, "object-label").input_value, lambda now: "!" in now)
    page.reload(wait_until="domcontentloaded")
    reads(page, "object-label", typed)
    field(page, "object-label").press("Escape")
    reads(page, "object-label", "cup")
    eventually(page, lambda: page.evaluate("sessionStorage.getItem('space-studio-typed')"), "{}")


def test_an_edit_that_never_arrived_is_told_of(page: Any, served: tuple[str, Studio]) -> None:
    """The connection drops as a box is moved, and as a question is saved."""
    url, _ = served
    studio, coffee, _ = two_samples(page, served)
    page.goto(f"{url}?sample={coffee}&tab=image", wait_until="domcontentloaded")
    at(page, coffee, "image")
    owner, sample = visitor_sample(studio, "coffee")
    lost = page.locator("#studio-lost")
    page.wait_for_selector("#boxes [data-box=cup-1] .body")
    click_row(page, "objects", 0)
    reads(page, "object-label", "cup")
    box = place(page, "#boxes [data-box=cup-1] .body")

    page.context.set_offline(True)
    x, y = box["x"] + 30, box["y"] + box["height"] - 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=4)
    page.mouse.up()
    status_has(page, "not saved: no connection")
    shows(page, "studio-lost", "your last edit may not be saved")
    page.context.set_offline(False)
    lost.get_by_text("Your last edit was not saved.").wait_for()
    status_has(page, "saved")
    assert studio.open(owner, coffee).events == sample.events
    eventually(page, lambda: place(page, "#boxes [data-box=cup-1] .body"), pytest.approx(box, abs=3))

    # what was typed is still there to be saved again
    open_tab(page, "Questions")
    at(page, coffee, "questions")
    words = chosen_question(page, 0)
    write_more(page, " Really?")
    page.context.set_offline(True)
    page.click("#qa-save")
    status_has(page, "not saved: no connection")
    page.context.set_offline(False)
    lost.get_by_text("Your last edit was not saved.").wait_for()
    reads(page, "question", f"{words} Really?")
    assert studio.open(owner, coffee).events == sample.events
    page.click("#qa-save")
    shows(page, "questions", f"{words} Really?")
    assert [p for p in studio.open(owner, coffee).qa if p.question == f"{words} Really?"]


def test_a_click_on_a_page_that_is_still_arriving_waits_for_it(
    page: Any, served: tuple[str, Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, studio = served
    page.set_default_timeout(PATIENCE)
    welcome = studio.welcome

    clicked = threading.Event()

    def late(owner: str) -> Any:
        clicked.wait(PATIENCE / 1000)
        return welcome(owner)

    monkeypatch.setattr(studio, "welcome", late)
    page.goto(url, wait_until="domcontentloaded")
    page.click("#example-coffee")
    page.wait_for_timeout(1000)
    assert "Loading…" in page.inner_text("#status")
    clicked.set()
    status_has(page, "coffee 600")
