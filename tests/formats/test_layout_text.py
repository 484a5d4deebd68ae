"""Layouts as language models write them: read without running anything, fitted to the canvas, written and read again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.layout import Layout
from spacestudio.formats.layout_text import fitted, read_layout, write_layout
from tests.support import DATA, needs_data

REPLY = """[('a black cat', [50, 200, 150, 120]), ("a dog's bowl", [250, 300.5, 80, 40])]
Background prompt: A park
Prompt: A realistic photo of a cat in a park
Negative prompt: person"""


def test_a_reply_is_read_with_its_prompts() -> None:
    text = read_layout(REPLY)
    assert text.items == (("a black cat", Box(50, 200, 200, 320)), ("a dog's bowl", Box(250, 300.5, 330, 340.5)))
    assert (text.background, text.prompt, text.negative) == ("A park", "A realistic photo of a cat in a park", "person")
    assert text.problems == ()


def test_an_empty_prompt_takes_nothing_of_the_next_line() -> None:
    text = read_layout("[]\nBackground prompt: \nPrompt: A cat\n" + "\n" * 50_000)
    assert (text.background, text.prompt) == ("", "A cat")


def test_items_over_several_lines_and_brackets_in_names_are_read() -> None:
    text = read_layout(
        "Objects: [\n('a cup [blue]', [1, 2, 30, 40]),\n('a plate',[5,6,70,80]),\n]\nBackground prompt: a table"
    )
    assert [name for name, _ in text.items] == ["a cup [blue]", "a plate"]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("('cat', [10, 10, 0, 50])", "is empty"),
        ("('cat', [0, 0, 512, 512])", "covers the whole canvas"),
        ("('cat', [600, 0, 20, 20])", "lies beyond the canvas"),
        ("('cat', [1, 2, 3])", "1 of its items can't be read"),
        ("('cat', __import__('os').system('x'))", "of its items can't be read"),
    ],
)
def test_what_is_left_out_is_named(item: str, why: str) -> None:
    text = read_layout(f"[{item}, ('dog', [10, 20, 30, 40])]")
    assert [name for name, _ in text.items] == ["dog"] and any(why in p for p in text.problems)


def test_boxes_beyond_the_canvas_are_moved_and_scaled_alike_in_both_directions() -> None:
    """The published code ends at 552 px for these two (SEEDS 2.4.6)."""
    boxes = fitted([Box(10, -50, 110, 50), Box(200, 400, 300, 600)])
    assert max(b.y1 for b in boxes) <= 512 and min(b.y0 for b in boxes) == 0
    assert boxes[0].width == pytest.approx(boxes[0].height, abs=1)
    assert boxes[1].height == pytest.approx(2 * boxes[1].width, abs=2)


@given(
    st.lists(
        st.tuples(
            st.text("abc ’,[]", min_size=1, max_size=12), st.integers(0, 400), st.integers(0, 400),
            st.integers(1, 100), st.integers(1, 100),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_what_is_written_is_read_again(rows: list[tuple[str, int, int, int, int]]) -> None:
    rows = [(" ".join(name.split()) or "x", *rest) for name, *rest in rows]
    boxes = {str(k): Box(x, y, x + w, y + h) for k, (_, x, y, w, h) in enumerate(rows)}
    layout = Layout(512, 512, boxes, tuple(boxes), {str(k): row[0] for k, row in enumerate(rows)}, "a wall", "all", "a dog")
    text = read_layout(write_layout(layout))
    assert [(name, box.xyxy) for name, box in text.items] == [
        (row[0], box.xyxy) for row, box in zip(rows, boxes.values(), strict=True)
    ]
    assert (text.background, text.prompt, text.negative, text.problems) == ("a wall", "all", "a dog", ())


@given(st.text("()[]'\",0123456789.- \nabPrompt:", max_size=400))
def test_no_text_is_too_odd(text: str) -> None:
    for _, box in read_layout(text).items:
        assert 0 <= box.x0 < box.x1 <= 512 and 0 <= box.y0 < box.y1 <= 512


@needs_data
def test_every_item_of_real_replies_is_read_or_named() -> None:
    replies = json.loads((DATA / "layouts" / "cache_lmd_v0.1_gpt-3.5-turbo.json").read_text())
    count = 0
    for reply in (r for of in replies.values() for r in of):
        text = read_layout(reply)
        dropped = sum("left out" in p for p in text.problems)
        assert len(text.items) + dropped == reply.count("('")
        count += len(text.items)
    assert count > 600
