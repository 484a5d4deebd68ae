"""How every tab looks, at two sizes and in both themes: nothing is cut off, nothing unnamed, nothing jumps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spacestudio.services.studio import Studio
from spacestudio.ui.build import TABS
from tests.browser.steps import DESK, PHONE, Screen, answered, arrive, eventually, open_tab, status_has
from tests.browser.test_accessibility import findings

pytestmark = pytest.mark.browser

SCREENS = [DESK, ("dark", *DESK[1:]), ("light", *PHONE[1:]), PHONE]
DRAWN = {
    "image": "#boxes .be-pill",
    "depth": "#depth-plot .main-svg .gtitle",
    "space": "#cloud .gl-container canvas",
    "graph": "#graph .ge-node",
    "regenerate": "#want-order label",
    "questions": "#questions [data-testid=cell-0-1]",
    "dataset": "#samples-table [data-testid=cell-0-1]",
    "evaluate": "#scorer-about p",
}
"""What shows that a tab has been drawn."""
PARTS = {
    "image": ("#boxes .be-pill", "#boxes .be-pill.sel"),
    "depth": ("#layer-strip .le-bar .row", "#layer-strip .le-bar.sel"),
    "graph": ("#graph .ge-node .body", "#graph .ge-node.sel"),
}
"""What to press to choose an object, and what then shows that it is chosen."""
NAMES = [
    "label", "button-name", "link-name", "select-name", "input-button-name", "image-alt", "aria-input-field-name",
    "aria-toggle-field-name", "aria-command-name", "aria-tooltip-name",
]  # fmt: skip
"""axe's rules on what has no accessible name."""

CUT = """() => {
    const shown = e => { const s = getComputedStyle(e); return s.visibility === 'visible' && s.opacity !== '0'; };
    const told = e => e.closest('[title]') || getComputedStyle(e).webkitLineClamp !== 'none';
    const unread = e => e.closest('[aria-hidden=true], [data-testid=status-tracker], .ed-say, .drop-hint, .sr-only, option, script, style, dialog:not([open])');
    const out = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const words = node.data.trim(), own = node.parentElement;
        if (!words || !own || unread(own) || !own.checkVisibility() || !shown(own)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const text = range.getBoundingClientRect();
        if (!text.width || !text.height) continue;
        let across = true, down = true;  // until something on the way up can be scrolled
        for (let e = own; e && e !== document.body && (across || down); e = e.parentElement) {
            const style = getComputedStyle(e), box = e.getBoundingClientRect();
            if (['auto', 'scroll'].includes(style.overflowX)) across = false;
            if (['auto', 'scroll'].includes(style.overflowY)) down = false;
            const cut = (across && style.overflowX !== 'visible' && (text.left < box.left - 1.5 || text.right > box.right + 1.5))
                || (down && style.overflowY !== 'visible' && (text.top < box.top - 4 || text.bottom > box.bottom + 4));
            if (!cut) continue;
            if (!told(own) && !told(e)) out.push(`"${words.slice(0, 40)}" by ${e.tagName.toLowerCase()}#${e.id}.${e.getAttribute('class') ?? ''}`);
            break;
        }
    }
    for (const field of document.querySelectorAll('input[role=combobox]'))
        if (field.checkVisibility() && field.scrollWidth > field.clientWidth + 1) out.push(`"${field.value}" in the field ${field.ariaLabel}`);
    return out;
}"""
"""Text that reaches out of what shows it, where no scrolling, title or deliberate shortening helps. Letters may overhang
their line a little (4 px)."""


def faults(page: Any) -> list[str]:
    """What is wrong with the page as it is now."""
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    out = [f"the page is {wide} px wide in a window of {inner} px"] if wide > inner else []
    out += [f"cut off: {text}" for text in page.evaluate(CUT)]
    return out + findings(page, NAMES)


def places(page: Any) -> list[Any]:
    """Where the header, the tabs and the open canvas are, and how far the page is scrolled."""
    found: list[Any] = page.evaluate(
        """() => [scrollY, ...['#top', '[role=tablist]', '[role=tabpanel] .ed-stage'].map(css => {
        const e = [...document.querySelectorAll(css)].find(e => e.checkVisibility());
        const r = e?.getBoundingClientRect(); return r && [r.left, r.top, r.width, r.height].map(Math.round); })]"""
    )
    return found


@pytest.mark.parametrize("screen", SCREENS, ids=lambda s: f"{s[0]}-{s[1]}")
def test_nothing_is_cut_unnamed_or_jumps(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.emulate_media(reduced_motion="reduce")
    arrive(page, served, screen)
    found: dict[str, Any] = {}
    for name, title, *_ in TABS:
        open_tab(page, title)
        found[f"{name}, empty"] = faults(page)
    open_tab(page, "Image")
    page.click("#example-coffee")
    status_has(page, "coffee")
    for name, title, *_ in TABS:
        open_tab(page, title)
        page.wait_for_selector(DRAWN[name], state="attached")
        found[name] = faults(page)
        if name in PARTS:
            found[f"{name}, choosing"] = jumps(page, name)
    assert not any(found.values()), json.dumps({where: what for where, what in found.items() if what}, indent=1)
    assert not errors


def jumps(page: Any, name: str) -> list[str]:
    """What moves when another object is chosen on a tab."""
    part, chosen = PARTS[name]
    others = [e for e in page.query_selector_all(part) if not e.evaluate("(e, css) => !!e.closest(css)", chosen)]
    target = others[-1]
    target.evaluate("e => e.scrollIntoView({block: 'center'})")  # not below the header, which stays
    before = resting(page)
    with answered(page):
        target.click(force=True)
        page.wait_for_function("([part, chosen]) => part.closest(chosen)", arg=[target, chosen])
    page.wait_for_function("document.querySelector('#saved .place-word').dataset.state === 'saved'")
    after = resting(page)
    return [] if after == before else [f"moved from {before} to {after}"]


def resting(page: Any) -> list[Any]:
    """`places`, once nothing moves any more."""
    last: list[Any] = []

    def same() -> bool:
        nonlocal last
        before, last = last, places(page)
        page.wait_for_timeout(150)
        return before == last

    eventually(page, same, True)
    return last
