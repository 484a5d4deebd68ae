"""Which Chromium the browser tests use, and how one gets there.

    .venv/bin/python tests/browser_setup.py

Prints its path. The first that starts wins: one on the PATH, Playwright's own, one that apt-get installs for root.
Without any the browser tests are skipped, which is a failure where CI is set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
BY_HAND = "apt-get install chromium"
ARGS = (
    "--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
"""What a Chromium without a graphics card, possibly run by root, is started with; 3D is drawn in software."""


def find() -> str | None:
    """Path of a Chromium that starts, or None; installs nothing."""
    for name in NAMES:
        if (path := shutil.which(name)) and _starts(path):
            return path
    own = _playwrights()
    return own if own and _starts(own) else None


def ensure() -> str | None:
    """`find`, after trying to install one."""
    if path := find():
        return path
    print("No Chromium yet; trying Playwright's own …", file=sys.stderr)
    quick = os.environ | {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000"}
    _quietly([sys.executable, "-m", "playwright", "install", "chromium"], 600, quick)
    if path := find():
        return path
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Trying apt-get install chromium …", file=sys.stderr)
        silent = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _quietly(["apt-get", "-qq", "update"], 300, silent)
        _quietly(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "chromium"], 900, silent)
    return find()


def required() -> bool:
    """Whether doing without a browser is a failure: where CI is set."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def missing() -> str:
    """Why a browser test can't run and what to do."""
    return f"no Chromium; install one with `{BY_HAND}` or `{Path(sys.executable).parent}/playwright install chromium`"


def slow_down(browser: Any, times: float) -> None:
    """Let the scripts of every page in a Playwright browser's later contexts take that many times as long."""
    new_context = browser.new_context

    def slow_context(**options: Any) -> Any:
        context = new_context(**options)
        new_page = context.new_page

        def slow_page() -> Any:
            page = new_page()
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": times})
            return page

        context.new_page = slow_page
        return context

    browser.new_context = slow_context


def _playwrights() -> str | None:
    """Where Playwright keeps its own Chromium, present or not."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def _starts(path: str) -> bool:
    """Whether it answers; a stub or one with missing libraries does not."""
    return os.path.exists(path) and _quietly([path, "--headless", "--no-sandbox", "--version"], 30, None)


def _quietly(command: list[str], timeout_s: int, env: dict[str, str] | None) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=timeout_s, env=env, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    if path := ensure():
        print(f"Browser: {path}")
    elif required():
        sys.exit(f"The browser tests can't run here: {missing()}")
    else:
        print(f"The browser tests will be skipped: {missing()}")
