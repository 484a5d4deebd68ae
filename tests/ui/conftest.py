"""A page with both editors, open in a real Chromium; nothing may leave this machine, no error may reach the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

SETTLED = """() => new Promise((done) => {
  let last = "", same = 0;
  const look = () => {
    const box = document.querySelector("#boxes image.be-picture").getBoundingClientRect();
    const now = [box.x, box.y, box.width, box.height].join(" ");
    same = now === last && box.width > 300 ? same + 1 : 0;
    last = now;
    same > 8 ? done(true) : setTimeout(look, 30);
  };
  look();
})"""
"""True once the picture has kept its place for a quarter of a second: pixels measured earlier would miss."""


@pytest.fixture(scope="session")
def component_app() -> Iterator[tuple[Any, str]]:
    """The truth behind the page, and its address."""
    from tests.ui.component_app import Truth, build, launch

    truth = Truth()
    demo = build(truth)
    yield truth, launch(demo)
    demo.close(verbose=False)


@pytest.fixture
def component_page(browser: Any, component_app: tuple[Any, str]) -> Iterator[Any]:
    """A function that opens the page in a theme, and the truth behind it as its attribute `truth`."""
    truth, url = component_app
    truth.reset()
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(10_000)
    outside: list[str] = []
    errors: list[str] = []

    def refuse(route: Any) -> None:
        outside.append(route.request.url)
        route.abort()

    context.route(lambda address: not address.startswith((url, "data:", "blob:")), refuse)

    def show(theme: str = "light") -> Any:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"{url}?__theme={theme}", wait_until="domcontentloaded")
        page.wait_for_selector("#boxes [data-box=cup] .body")
        page.wait_for_function(SETTLED)
        return page

    show.truth = truth  # type: ignore[attr-defined]
    yield show
    context.close()
    assert not errors
    assert not outside
