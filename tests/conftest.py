"""Fixtures for all tests. Nothing here reaches the network, and no browser page may.

    BROWSER_SLOWDOWN=4 .venv/bin/python -m pytest -m browser

runs every page's scripts four times as slowly as this machine would, which shows what a slower one shows.
"""

from __future__ import annotations

import os
import tempfile

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_TEMP_DIR", tempfile.mkdtemp(prefix="space-studio-test-"))

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from tests import browser_setup

# The same 60 examples every time; LAWS=5000 tries that many new ones.
settings.register_profile(
    "studio", deadline=None, derandomize="LAWS" not in os.environ, max_examples=int(os.environ.get("LAWS", "60"))
)
settings.load_profile("studio")
SLOWDOWN = float(os.environ.get("BROWSER_SLOWDOWN", "1"))
LOCAL = {"127.0.0.1", "localhost", "::1", ""}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All browser tests run in one worker, so one Chromium serves them. One that fails is tried twice more.

    They share a machine with a studio, a browser and whatever else runs there, so now and then one is starved of time.
    A real fault fails three times; a retry is seen in the log as RERUN, and one that recurs there is a race to mend.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; skips where there is none, fails where CI is set."""
    path = browser_setup.find()
    if path is None:
        (pytest.fail if browser_setup.required() else pytest.skip)(browser_setup.missing())
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One Chromium for the whole run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(browser_setup.ARGS))
        if SLOWDOWN > 1:
            browser_setup.slow_down(running, SLOWDOWN)
        yield running
        running.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page, 1400 x 900; a request to another host is refused and fails the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    strangers: list[str] = []

    def guard(route: Any) -> None:
        url = route.request.url
        if (urlsplit(url).hostname or "") in LOCAL:
            route.continue_()
        else:
            strangers.append(url)
            route.abort()

    context.route("**/*", guard)
    yield context.new_page()
    context.close()
    assert not strangers, f"the page asked other hosts: {strangers}"
