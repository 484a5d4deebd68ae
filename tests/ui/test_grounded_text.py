"""The training text's component: what may reach the page, and what it may send."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
import pytest

from spacestudio.ui.components.grounded_text import GroundedText

SAID = {"spans": [{"text": "two\nlines "}, {"text": "cup", "kind": "name", "subjects": ["cup-1"]}], "raw": "<ref>cup</ref>"}
VALUE: dict[str, Any] = {
    "key": "a",
    "image": np.zeros((4, 6, 3), np.uint8),
    "boxes": [],
    "exchanges": [{"question": SAID, "answer": SAID}],
}


def test_a_value_is_validated_on_its_way_to_the_page(tmp_path: Any) -> None:
    text = GroundedText()
    text.GRADIO_CACHE = str(tmp_path)
    value = text.postprocess(VALUE)
    assert value is not None
    assert (value.width, value.height) == (6, 4)
    assert value.exchanges[0].answer.spans[0].text == "two\nlines "
    assert text.postprocess(None) is None
    box = {"id": "a", "x0": 0, "y0": 0, "x1": 3, "y1": 3}
    for wrong in ({"id": "no spaces"}, {"color": "red"}, {"x0": float("nan")}):
        with pytest.raises(gr.Error):
            text.postprocess(VALUE | {"boxes": [box | wrong]})
    with pytest.raises(gr.Error):
        text.postprocess(VALUE | {"exchanges": [{"question": SAID, "answer": {"spans": [{"text": "x", "kind": "script"}]}}]})


def test_a_pick_is_an_id_or_nothing() -> None:
    assert GroundedText.read_pick({"id": "cup-1"}) == "cup-1"
    assert GroundedText.read_pick({"id": None}) is None
    for wrong in ({"id": "../x"}, {"id": 3}, "cup-1", None):
        with pytest.raises(gr.Error):
            GroundedText.read_pick(gr.EventData(None, wrong))


def test_nothing_of_a_person_stands_in_its_template() -> None:
    text = GroundedText(VALUE | {"image": None, "key": "x"})
    for template in (text.html_template, text.css_template):
        assert not any(mark in template for mark in ("${", "{{", "`", "\\"))
    assert text.get_config()["selected"] is None  # not a listener made up by gr.HTML
