"""The open sample as training text: text and boxes point at each other, by mouse and by key, and what is exported is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from spacestudio.domain.grounded import Predicate
from spacestudio.services import judge
from spacestudio.services.shown_text import text_payload
from spacestudio.services.studio import Studio
from spacestudio.services.tell import STYLES, told
from tests.browser.steps import DESK, eventually, open_example, open_tab, screens
from tests.browser.test_accessibility import findings
from tests.browser.test_looks import faults
from tests.support import HOSTILE

pytestmark = pytest.mark.browser
PANEL = "#formats-panel > button"
SPAN = "#grounded-text .gt-span"


def boxes(page: Any, name: str) -> set[str]:
    """Ids of the boxes that have a class."""
    found: list[str] = page.eval_on_selector_all(f"#grounded-text .gt-box.{name}", "all => all.map(b => b.dataset.box)")
    return set(found)


def selected(page: Any) -> str:
    return str(page.evaluate("studioPlace.now().selected"))


def test_text_and_boxes_point_at_each_other(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = open_example(page, served, "coffee", "Questions", DESK)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.click(PANEL)
    expect(page.locator("#formats-about")).to_contain_text(STYLES["description"].help)
    (description,) = told(sample).exchanges["description"]
    expect(page.locator("#grounded-text .gt-said").nth(1)).to_have_text(description.answer.plain)

    # from the text to the picture
    spans = page.locator("#grounded-text .gt-said").nth(1).locator(".gt-span")
    pointing = [span for span in description.answer.spans if not isinstance(span, str)]
    expect(spans).to_have_count(len(pointing))
    at = next(k for k, span in enumerate(pointing) if isinstance(span, Predicate))
    predicate = pointing[at]
    assert isinstance(predicate, Predicate)
    spans.nth(at).hover()
    eventually(page, lambda: boxes(page, "subject"), set(predicate.subjects))
    assert boxes(page, "object") == set(predicate.objects)
    page.locator("#formats-about").hover()
    eventually(page, lambda: boxes(page, "subject"), set())

    # from the picture to the text
    spoon = page.locator("#grounded-text .gt-box[data-box=spoon-1]")
    spoon.focus()
    told_of_spoon = [span.text for span in pointing if "spoon-1" in getattr(span, "subjects", getattr(span, "objects", ()))]
    assert told_of_spoon
    expect(page.locator(f"{SPAN}.on").first).to_have_text(told_of_spoon[0])

    # a chosen name is chosen in every tab
    spans.filter(has_text="cup").first.click()
    eventually(page, lambda: boxes(page, "sel"), {"cup-1"})
    eventually(page, lambda: selected(page), "cup-1")
    open_tab(page, "Image")
    expect(page.locator("#boxes .be-pill.sel")).to_have_attribute("data-box", "cup-1")
    page.locator("#boxes .be-pill[data-box=plate-1]").click()
    eventually(page, lambda: selected(page), "plate-1")
    open_tab(page, "Questions")
    eventually(page, lambda: boxes(page, "sel"), {"plate-1"})

    # by key: one stop for all names, arrows between them, Enter chooses; the focus stays
    assert page.locator(f"{SPAN}[tabindex='0']").count() == 1
    spans.first.focus()
    page.keyboard.press("ArrowRight")
    expect(spans.nth(1)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    expect(page.locator(SPAN).first).to_be_focused()
    page.keyboard.press("Enter")
    first = next(iter(description.question.mentions + description.answer.mentions)).objects[0]
    eventually(page, lambda: selected(page), first)
    expect(page.locator(SPAN).first).to_be_focused()

    # raw text is what is exported; facts come on demand; another style is another text
    page.locator("#formats-raw input").check()
    raw = text_payload(sample, "description")[0]["exchanges"][0]["answer"]["raw"]
    expect(page.locator("#grounded-text .gt-raw").nth(1)).to_be_visible()
    assert page.locator("#grounded-text .gt-raw").nth(1).text_content() == raw
    assert "<ref>cup</ref>" in raw
    page.locator("#grounded-text summary").first.click()
    expect(page.locator("#grounded-text details li").first).to_contain_text("margin")
    for style in STYLES:
        page.get_by_role("radio", name=STYLES[style].label or style, exact=True).click()
        value, count = text_payload(sample, style)
        expect(page.locator("#grounded-text .gt-list > li")).to_have_count(min(count, len(value["exchanges"])))

    # a name that is code stays a name
    studio.act(owner, sample.id, lambda s: judge.edit_object(s, "cup-1", label=HOSTILE[:50]))
    open_tab(page, "Image")
    open_tab(page, "Questions")
    expect(page.locator("#grounded-text .gt-box[data-box=cup-1] title")).to_have_text(HOSTILE[:50])
    assert page.locator("#grounded-text img").count() == 0
    assert not errors


@screens
def test_nothing_in_it_is_cut_or_unnamed(page: Any, served: tuple[str, Studio], screen: tuple[str, int, int]) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_example(page, served, "coffee", "Questions", screen)
    page.click(PANEL)
    page.locator(SPAN).first.wait_for()
    page.locator("#formats-raw input").check()
    expect(page.locator("#grounded-text .gt-raw").first).to_be_visible()
    page.locator(SPAN).first.click()
    found = faults(page) + findings(page)
    assert not found, json.dumps(found, indent=1)
