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
