"""Every tab, empty and with a sample, light and dark, under axe-core: nothing serious, nothing critical."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from spacestudio.services.studio import Studio
from spacestudio.ui.build import TABS
from tests.browser.steps import arrive, open_tab, status_has

pytestmark = pytest.mark.browser

INSIDE_GRADIO = {
    # the placeholder of an empty figure, picture or file; the lock of a table's column
    "aria-prohibited-attr": ('[aria-label="Empty value"]', '[aria-label="Static column"]'),
    "target-size": ("a[download]",),  # a link around a button of 24 px: axe counts the two as neighbours
    "scrollable-region-focusable": (".cm-scroller",),  # the export preview; Gradio takes it out of the Tab order
}
"""Rule -> parts of Gradio's own markup that can't be put right from outside."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def findings(page: Any, rules: list[str] | None = None) -> list[str]:
    """What axe calls serious or critical on the page as it is, as "rule: element: why"."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}
    options = json.dumps({"resultTypes": ["violations"], "runOnly": only})
    found = page.evaluate(f"() => axe.run(document, {options}).then(r => r.violations)")
    out = []
    for violation in found:
        if violation["impact"] not in ("serious", "critical"):
            continue
        for node in violation["nodes"]:
            target = str(node["target"])
            known = INSIDE_GRADIO.get(violation["id"], ())
            if any(page.evaluate("([html, css]) => { const d = document.createElement('template'); d.innerHTML = html;"
                                 " return !!d.content.firstElementChild?.matches(css); }", [node["html"], css])
                   for css in known):  # fmt: skip
                continue
            out.append(f"{violation['id']}: {target}: {node['failureSummary'].splitlines()[-1].strip()}")
    return out


def in_both_themes(page: Any) -> Iterator[tuple[str, list[str]]]:
    """Each tab's findings in light and in dark mode."""
    for _, title, *_rest in TABS:
        open_tab(page, title)
        yield title, findings(page)
        page.evaluate("document.body.classList.add('dark')")
        yield f"{title}, dark", findings(page)
        page.evaluate("document.body.classList.remove('dark')")


def test_no_serious_finding_in_any_tab(page: Any, served: tuple[str, Studio]) -> None:
    page.emulate_media(reduced_motion="reduce")  # a colour halfway through a fade is no finding
    arrive(page, served)
    found = {f"empty: {where}": lines for where, lines in in_both_themes(page) if lines}
    open_tab(page, "Image")
    page.click("#example-coffee")
    status_has(page, "coffee")
    found |= {where: lines for where, lines in in_both_themes(page) if lines}
    page.click("#help")
    page.locator("#keys").wait_for()
    if listed := findings(page):
        found["the list of keys"] = listed
    assert not found, json.dumps(found, indent=1)


def test_focus_is_seen_and_goes_in_reading_order(page: Any, served: tuple[str, Studio]) -> None:
    arrive(page, served)
    page.evaluate("document.activeElement.blur()")
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            return [e.closest('#top [id]')?.id ?? e.id, s.outlineStyle !== 'none' || s.boxShadow !== 'none' || e.matches('#samples input')]; }"""
        )
        order.append(at[0])
        assert at[1], f"the focus on {at[0]} is not seen"
    assert order[:3] == ["sample-previous", "samples", "sample-next"]
    assert {"ask", "help", "tab-image-button"} <= set(order)
