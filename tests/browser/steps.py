"""What a person does on the page and waits to see; the browser tests are made of these steps.

The page is never read at once after an act: its answer may take a while. A step waits for what is expected, and fails
with what was seen instead.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Error, expect

from spacestudio.domain.sample import Sample
from spacestudio.services.studio import Studio
from spacestudio.ui.build import TABS

T = TypeVar("T")
Screen = tuple[str, int, int]
Point = tuple[float, float]

DESK, PHONE = ("light", 1440, 900), ("dark", 390, 844)
"""Theme, width and height in px."""
screens = pytest.mark.parametrize("screen", [DESK, PHONE], ids=lambda s: f"{s[0]}-{s[1]}")
PATIENCE = 120_000
"""ms after which something expected is said to be missing."""
expect.set_options(timeout=PATIENCE)
STILL = """css => new Promise((done) => {
  let last = "", same = 0;
  const look = () => {
    const box = document.querySelector(css)?.getBoundingClientRect();
    const now = box?.width ? [box.x, box.y, box.width, box.height].join(" ") : "";
    same = now && now === last ? same + 1 : 0;
    last = now;
    same > 10 ? done(true) : requestAnimationFrame(look);
  };
  look();
})"""
"""True once an element has kept its place for ten frames: pixels measured earlier would miss."""


# ---- waiting -------------------------------------------------------------------------------------------------------


def eventually(page: Any, read: Callable[[], T], wanted: Any, seconds: float = PATIENCE / 1000) -> T:
    """Wait until `read()` equals what is wanted, or fulfils it where that is a function; the value."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = read()
            if wanted(value) if callable(wanted) else value == wanted:
                return value
            seen = repr(value)
        except Error as error:  # the page was left, or a part of it drawn anew, while it was read
            seen = str(error)
        assert time.monotonic() < end, f"still {seen}" + ("" if callable(wanted) else f", not {wanted!r}")
        page.wait_for_timeout(50)


@contextmanager
def answered(page: Any) -> Iterator[None]:
    """Wait until the studio has answered what is done inside: only then can one see that nothing else happened."""
    before = page.evaluate("studioPlace.now().stamp")
    yield
    page.wait_for_function("before => studioPlace.now().stamp > before", arg=before, timeout=PATIENCE)


def shows(page: Any, elem_id: str, text: str) -> None:
    """Wait until an element says something."""
    shows_any(page, [elem_id], text)


def status_has(page: Any, text: str) -> None:
    """Wait until the header says something, in its line or beside the undo buttons."""
    shows_any(page, ["status", "saved"], text)


def shows_any(page: Any, elem_ids: list[str], text: str) -> None:
    """Wait until one of several elements says something."""

    def said() -> list[str]:
        words: list[str] = page.evaluate("ids => ids.map(id => document.getElementById(id)?.innerText ?? '')", elem_ids)
        return words

    eventually(page, said, lambda words: any(text in one for one in words))


def toast(page: Any, text: str) -> None:
    """Wait until a message says something."""
    page.locator("[data-testid=toast-body]", has_text=text).first.wait_for(timeout=PATIENCE)


def field(page: Any, elem_id: str) -> Any:
    """The place to write in of a text box, a list or a number."""
    return page.locator(f"#{elem_id} textarea, #{elem_id} input").first


def reads(page: Any, elem_id: str, text: str) -> None:
    """Wait until a field holds a text."""
    expect(field(page, elem_id)).to_have_value(text)


def at(page: Any, sample: str, tab: str) -> None:
    """Wait until the address and the screen both show a sample and a tab."""
    page.wait_for_function(
        """([sample, tab]) => { const q = new URLSearchParams(location.search);
        return q.get('sample') === sample && q.get('tab') === tab
          && document.getElementById(`tab-${tab}-button`)?.ariaSelected === 'true'; }""",
        arg=[sample, tab],
        timeout=PATIENCE,
    )


def place(page: Any, css: str) -> dict[str, float]:
    """Where an element is, in px of the window, once it has come to rest: x, y, width, height."""
    page.evaluate(STILL, css)
    box: dict[str, float] | None = page.locator(css).first.bounding_box()
    assert box is not None, f"{css} is not in sight"
    return box


def middle(page: Any, css: str) -> Point:
    """The middle of an element at rest."""
    box = place(page, css)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


# ---- tables --------------------------------------------------------------------------------------------------------


def rows(page: Any, elem_id: str) -> list[list[str]]:
    """The rows a table shows now."""
    found: list[tuple[int, str]] = page.evaluate(
        """id => [...document.querySelectorAll(`#${id} [data-testid^='cell-']`)].map(c => [Number(c.dataset.row), c.innerText.trim()])""",
        elem_id,
    )
    table: dict[int, list[str]] = {}
    for row, text in found:
        table.setdefault(row, []).append(text)
    return [table[row] for row in sorted(table)]


def wait_rows(page: Any, elem_id: str, count: int | None = None, least: int = 0) -> list[list[str]]:
    """Wait until a table shows that many rows, or at least so many; the rows."""
    return eventually(page, lambda: rows(page, elem_id), lambda r: len(r) == count if count is not None else len(r) >= least)


def click_row(page: Any, elem_id: str, row: int) -> None:
    """Choose a row of a table."""
    page.locator(f"#{elem_id} [data-testid=cell-{row}-1]").click()


# ---- doing ---------------------------------------------------------------------------------------------------------


def arrive(page: Any, served: tuple[str, Studio], screen: Screen | None = None) -> Studio:
    """A new visitor opens the studio, in a theme and size if given."""
    url, studio = served
    page.set_default_timeout(PATIENCE)
    if screen:
        page.set_viewport_size({"width": screen[1], "height": screen[2]})
        url += f"?__theme={screen[0]}"
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    return studio


def open_example(
    page: Any, served: tuple[str, Studio], name: str = "coffee", tab: str = "Image", screen: Screen | None = None
) -> tuple[Studio, str, Sample]:
    """A new visitor opens an example and goes to a tab; the studio, the visitor and the sample."""
    studio = arrive(page, served, screen)
    page.click(f"#example-{name}")
    status_has(page, name)
    open_tab(page, tab)
    return studio, *visitor_sample(studio, name)


def two_samples(page: Any, served: tuple[str, Studio]) -> tuple[Studio, str, str]:
    """A new visitor opens the coffee and then the cat; the studio and their ids."""
    studio = arrive(page, served)
    for name in ("coffee", "chelsea"):
        page.click(f"#example-{name}")
        status_has(page, name)
    coffee, cat = (visitor_sample(studio, name)[1].id for name in ("coffee", "chelsea"))
    at(page, cat, "image")
    return studio, coffee, cat


def open_tab(page: Any, title: str) -> None:
    """Open a tab, also one that a narrow page keeps in its menu, and wait until it is drawn."""
    name = next(n for n, t, *_ in TABS if t == title)
    tab = page.get_by_role("tab", name=title, exact=True)
    if tab.count() and tab.first.is_visible():
        tab.first.click()
    else:
        page.locator(".overflow-menu > button").first.click()
        page.locator(".overflow-dropdown button", has_text=re.compile(f"^\\s*{re.escape(title)}\\s*$")).first.click()
    page.wait_for_function("n => new URLSearchParams(location.search).get('tab') === n", arg=name, timeout=PATIENCE)


def choose(page: Any, elem_id: str, option: str) -> None:
    """Choose from a list by typing."""
    page.locator(f"#{elem_id} input").click()
    page.locator(f"#{elem_id} input").fill(option)
    page.get_by_role("option", name=option, exact=True).first.click()
    reads(page, elem_id, option)


def drag(page: Any, *points: Point) -> None:
    """Press the mouse at the first point, go through the others, let go."""
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


# ---- the studio behind the page ------------------------------------------------------------------------------------


def visitor_sample(studio: Studio, name: str) -> tuple[str, Sample]:
    """The newest sample of that name over all visitors of this test's store, and its visitor."""
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    from spacestudio.store.schema import SampleRow

    with Session(studio.database.engine) as session:
        row = session.scalars(select(SampleRow).where(SampleRow.name == name).order_by(SampleRow.row.desc())).first()
        assert row is not None
        return row.owner, studio.open(row.owner, row.id)
