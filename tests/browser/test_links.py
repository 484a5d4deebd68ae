"""The address names what is open: links, back and forward, reload, and a connection that drops."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from spacestudio.services.studio import Studio
from spacestudio.ui import frame
from tests.browser.test_walkthrough import open_tab, served, status_has, visitor_sample, wait_rows

pytestmark = pytest.mark.browser
__all__ = ["served"]


def at(page: Any, sample: str, tab: str) -> None:
    """Wait until the address and the screen both show a sample and a tab."""
    page.wait_for_function(
        """([sample, tab]) => { const q = new URLSearchParams(location.search);
        return q.get('sample') === sample && q.get('tab') === tab
          && document.getElementById(`tab-${tab}-button`)?.ariaSelected === 'true'; }""",
        arg=[sample, tab],
        timeout=60_000,
    )


def two_samples(page: Any, url: str, studio: Studio) -> tuple[str, str]:
    """Opens the coffee and the cat of a new visitor; their ids."""
    page.set_default_timeout(60_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    ids = []
    for name in ("coffee", "chelsea"):
        page.click(f"#example-{name}")
        page.wait_for_function(
            "known => { const s = new URLSearchParams(location.search).get('sample'); return s && s !== known; }",
            arg=ids[-1] if ids else "",
        )
        ids.append(parse_qs(urlsplit(page.url).query)["sample"][0])
    at(page, ids[1], "image")
    return ids[0], ids[1]


def test_a_link_opens_its_sample_and_tab_and_back_goes_back(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    coffee, cat = two_samples(page, url, studio)

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
    wait_rows(page, "questions", "n > 2")

    # a link to what is not here says so, and shows the newest; nothing of the link is believed
    page.goto(f"{url}?sample=nobody-1234&tab=nowhere", wait_until="domcontentloaded")
    page.locator("[data-testid=toast-body]", has_text="The sample of this link is not here").first.wait_for()
    at(page, cat, "questions")


def test_a_dropped_connection_is_said_and_loses_nothing(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    coffee, _ = two_samples(page, url, studio)
    page.goto(f"{url}?sample={coffee}&tab=graph", wait_until="domcontentloaded")
    at(page, coffee, "graph")
    wait_rows(page, "relations", "n > 2")
    owner, sample = visitor_sample(studio, "coffee")

    page.context.set_offline(True)
    lost = page.locator("#studio-lost")
    lost.wait_for()
    assert "Connection lost; what you did before is saved." in lost.inner_text()
    studio.rename(owner, sample.id, "coffee, renamed elsewhere")
    page.context.set_offline(False)
    lost.wait_for(state="hidden")
    status_has(page, "coffee, renamed elsewhere")  # what happened meanwhile is shown, at the same place
    at(page, coffee, "graph")
    page.wait_for_function("() => document.getElementById('saved').innerText.includes('saved')")


def test_a_slow_arrival_is_not_overtaken(page: Any, served: tuple[str, Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page's parts say of themselves while it arrives must not name another sample or tab."""
    url, studio = served
    coffee, _ = two_samples(page, url, studio)
    opened = frame.opened

    def late(of: Studio, visitor: Any, sample_id: Any) -> Any:
        if not sample_id:  # whoever draws without having heard of the sample takes its time
            time.sleep(3)
        return opened(of, visitor, sample_id)

    monkeypatch.setattr(frame, "opened", late)
    page.goto(f"{url}?sample={coffee}&tab=questions", wait_until="domcontentloaded")
    at(page, coffee, "questions")
    wait_rows(page, "questions", "n > 2")
    page.wait_for_timeout(5000)  # whatever else was on its way has come
    at(page, coffee, "questions")
    status_has(page, "coffee")


def chosen_question(page: Any, row: int) -> str:
    """Choose a question in the table; its wording."""
    wait_rows(page, "questions", "n > 2")
    words = page.locator(f"#questions [data-testid=cell-{row}-1]").inner_text().strip()
    page.locator(f"#questions [data-testid=cell-{row}-1]").click()
    page.wait_for_function("words => document.querySelector('#question textarea').value === words", arg=words)
    return str(words)


def reads(page: Any, elem_id: str, text: str) -> None:
    """Wait until a field holds a text."""
    page.wait_for_function(
        "([id, text]) => document.querySelector(`#${id} textarea, #${id} input`)?.value === text", arg=[elem_id, text]
    )


def test_typed_text_outlives_a_reload_another_tab_and_another_question(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    coffee, _ = two_samples(page, url, studio)
    page.goto(f"{url}?sample={coffee}&tab=questions", wait_until="domcontentloaded")
    at(page, coffee, "questions")
    owner, _ = visitor_sample(studio, "coffee")
    words = chosen_question(page, 0)
    page.click("#question textarea")
    page.keyboard.press("End")
    page.keyboard.type(" Honestly?")
    page.click("#answer input")
    page.keyboard.press("Control+a")
    page.keyboard.type("No")
    page.keyboard.press("Tab")

    page.reload(wait_until="domcontentloaded")
    at(page, coffee, "questions")
    reads(page, "question", f"{words} Honestly?")
    reads(page, "answer", "No")
    assert page.locator("#question[data-unsaved]").count() == 1
    open_tab(page, "Graph")
    at(page, coffee, "graph")
    page.go_back()
    at(page, coffee, "questions")
    reads(page, "question", f"{words} Honestly?")
    other = chosen_question(page, 1)
    reads(page, "answer", "Yes")
    assert page.input_value("#question textarea") == other
    page.locator("#questions [data-testid=cell-0-1]").click()
    reads(page, "question", f"{words} Honestly?")
    reads(page, "answer", "No")

    # the studio knows of the text that was put back: it is saved as it stands, and then no longer waits
    page.locator("#fix-graph input").uncheck()
    page.click("#qa-save")
    page.wait_for_function("text => document.getElementById('questions').innerText.includes(text)", arg=f"{words} Honestly?")
    page.locator("#question:not([data-unsaved])").wait_for()
    pair = next(p for p in studio.open(owner, coffee).qa if p.question == f"{words} Honestly?")
    assert (pair.answer, pair.origin) == ("No", "person")

    # an object's name, typed over another; Escape takes it back
    open_tab(page, "Image")
    page.locator("#objects [data-testid=cell-0-1]").click()
    reads(page, "object-label", "cup")
    page.locator("#object-label textarea, #object-label input").press_sequentially("!")
    typed = page.input_value("#object-label textarea, #object-label input")
    page.reload(wait_until="domcontentloaded")
    reads(page, "object-label", typed)
    page.locator("#object-label textarea, #object-label input").press("Escape")
    reads(page, "object-label", "cup")
    assert page.evaluate("sessionStorage.getItem('space-studio-typed')") == "{}"


def test_an_edit_that_never_arrived_is_told_of(page: Any, served: tuple[str, Studio]) -> None:
    """The connection drops as a box is moved, and as a question is saved."""
    url, studio = served
    coffee, _ = two_samples(page, url, studio)
    page.goto(f"{url}?sample={coffee}&tab=image", wait_until="domcontentloaded")
    at(page, coffee, "image")
    owner, sample = visitor_sample(studio, "coffee")
    lost = page.locator("#studio-lost")
    cup = page.locator("#boxes [data-box=cup-1] .body").first
    cup.wait_for()
    page.locator("#objects [data-testid=cell-0-1]").click()
    reads(page, "object-label", "cup")
    page.wait_for_timeout(500)  # the picture has its place
    box = cup.bounding_box()
    stored = box["x"], box["y"]

    page.context.set_offline(True)
    x, y = box["x"] + 30, box["y"] + box["height"] - 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=4)
    page.mouse.up()
    status_has(page, "not saved: no connection")
    page.wait_for_function(
        "() => document.getElementById('studio-lost').innerText.includes('your last edit may not be saved')"
    )
    page.context.set_offline(False)
    lost.get_by_text("Your last edit was not saved.").wait_for()
    status_has(page, "saved")
    assert studio.open(owner, coffee).events == sample.events
    page.wait_for_function(
        """([x, y]) => { const r = document.querySelector('#boxes [data-box=cup-1] .body').getBoundingClientRect();
        return Math.abs(r.x - x) < 3 && Math.abs(r.y - y) < 3; }""",
        arg=stored,
    )

    # what was typed is still there to be saved again
    open_tab(page, "Questions")
    at(page, coffee, "questions")
    words = chosen_question(page, 0)
    page.click("#question textarea")
    page.keyboard.press("End")
    page.keyboard.type(" Really?")
    page.context.set_offline(True)
    page.click("#qa-save")
    status_has(page, "not saved: no connection")
    page.context.set_offline(False)
    lost.get_by_text("Your last edit was not saved.").wait_for()
    reads(page, "question", f"{words} Really?")
    assert studio.open(owner, coffee).events == sample.events
    page.click("#qa-save")
    page.wait_for_function("text => document.getElementById('questions').innerText.includes(text)", arg=f"{words} Really?")
    assert [p for p in studio.open(owner, coffee).qa if p.question == f"{words} Really?"]


def test_a_click_on_a_page_that_is_still_arriving_waits_for_it(
    page: Any, served: tuple[str, Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, studio = served
    page.set_default_timeout(60_000)
    welcome = studio.welcome

    def late(owner: str) -> Any:
        time.sleep(3)
        return welcome(owner)

    monkeypatch.setattr(studio, "welcome", late)
    page.goto(url, wait_until="domcontentloaded")
    page.click("#example-coffee")
    assert "Loading…" in page.inner_text("#status")
    status_has(page, "coffee 600")
