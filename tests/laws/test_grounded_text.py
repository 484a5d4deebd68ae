"""Grounded text: what is said comes back, and no text whatever makes the reader fail."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.grounded import Grounded, Mention, Predicate, Span
from spacestudio.formats.asv2 import Decoded, decode, encode
from spacestudio.formats.grounded_text import GRID, joined, to_grid
from tests.support import DATA, needs_data

SIZES = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
GRIDS = st.tuples(*[st.integers(0, GRID)] * 4).map(
    lambda g: (min(g[0], g[2]), min(g[1], g[3]), max(g[0], g[2]), max(g[1], g[3]))
)
WORDS = st.text(st.characters(exclude_characters="<", exclude_categories=("Cs",)), max_size=12)
TAGS = ("<ref>", "</ref>", "<box>", "</box>", "<pred>", "</pred>")
SHARDS = st.sampled_from(
    [*TAGS, "[[1,2,3,4]]", "[[1,2,3,4],[5,6,7,8]]", "[[9,9,1,1]]", "[[1,2,3]]", "[[-5,0,1200,7.5]]", "[[NaN,Infinity,1e999,0]]",
     "[1,2,3,4]", "[]", "[[]]", "[", "]", "[[", ",", "cup", "on", " ", "\n", "<", ">", "&lt;", "[[1,2,3,4]", "9" * 5000, "[[a,b,c,d]]"]
)  # fmt: skip


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Grounded, dict[str, Box], int, int]:
    """A grounded text in normal form about boxes inside a picture."""
    width, height = draw(SIZES)
    share = st.tuples(*[st.floats(0, 1)] * 4)
    shares = draw(st.lists(share, min_size=1, max_size=6))
    boxes = {f"b{i}": Box.spanning(a * width, b * height, c * width, d * height) for i, (a, b, c, d) in enumerate(shares)}
    ids = st.sampled_from(sorted(boxes))

    def pairs(k: int) -> st.SearchStrategy[Predicate]:
        many, one = st.lists(ids, min_size=k, max_size=k).map(tuple), ids.map(lambda i: (i,))
        return st.one_of(
            st.builds(Predicate, WORDS, many, many), st.builds(Predicate, WORDS, one, many), st.builds(Predicate, WORDS, many, one)
        )  # fmt: skip

    mention = st.builds(Mention, WORDS, st.lists(ids, max_size=4).map(tuple))
    text = st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
    spans = draw(st.lists(st.one_of(text, mention, st.integers(1, 3).flatmap(pairs)), max_size=8))
    return Grounded(tuple(spans)), boxes, width, height


def pointed(spans: Sequence[Span], boxes: dict[str, Box]) -> list[Box]:
    """Every box the spans point at, in reading order."""
    out = []
    for span in spans:
        if isinstance(span, Mention):
            out += [boxes[i] for i in span.objects]
        elif isinstance(span, Predicate):
            out += [boxes[i] for i in (*span.subjects, *span.objects)]
    return out


def shapes(spans: Sequence[Span]) -> list[object]:
    """The spans without whom they point at."""
    out: list[object] = []
    for span in spans:
        if isinstance(span, str):
            out.append(span)
        elif isinstance(span, Mention):
            out.append((span.text, len(span.objects)))
        else:
            out.append((span.text, len(span.subjects), len(span.objects)))
    return out


@given(scenes())
def test_what_is_encoded_decodes_to_the_same_spans_and_boxes(scene):
    text, boxes, width, height = scene
    said = decode(encode(text, boxes, width, height), width, height)
    spans = list(joined(text.spans))
    assert shapes(said.grounded.spans) == shapes(spans)
    step = max(width, height) / GRID
    for box, back in zip(pointed(spans, boxes), pointed(said.grounded.spans, said.boxes), strict=True):
        assert all(-1e-6 <= a - b < step + 1e-6 for a, b in zip(box.xyxy, back.xyxy, strict=True)), (
            "truncated, by less than a step"
        )
    assert said.well_formed


@given(GRIDS, SIZES)
def test_a_box_on_the_grid_stays_where_it_is(grid, size):
    assert to_grid(Box.from_padded_999(grid, *size), *size) == grid


def assert_stable(said: Decoded, width: int, height: int) -> None:
    """Its grounded text, written and read again, says the same."""
    again = decode(encode(said.grounded, said.boxes, width, height), width, height)
    assert again.grounded == said.grounded
    assert again.boxes == said.boxes
    assert again.graph.relations == said.graph.relations
    assert again.tuples == said.tuples


@given(st.lists(st.one_of(SHARDS, WORDS), max_size=40).map("".join), SIZES)
def test_no_text_makes_it_fail_and_what_it_kept_is_stable(text, size):
    said = decode(text, *size)
    for p in said.problems:
        lines = text[: p.position].split("\n")
        assert (p.line, p.column) == (len(lines), len(lines[-1]) + 1)
        assert p.words and "\n" not in p.words
    assert [p.position for p in said.problems] == sorted(p.position for p in said.problems)
    assert_stable(said, *size)


@given(st.text(max_size=300))
def test_any_text_reads(text):
    decode(text, 640, 480)


@needs_data
@given(st.data())
def test_published_text_with_changes_reads(data):
    text = (DATA / "asv2" / "conversation_000_conv.txt").read_text("utf-8")
    for _ in range(data.draw(st.integers(1, 12))):
        place, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 12))
        text = text[:place] + data.draw(st.one_of(SHARDS, st.just(""))) + text[place + length :]
    assert_stable(decode(text, 640, 427), 640, 427)


@given(scenes(), st.data())
def test_text_that_looks_like_a_tag_is_never_read_as_one(scene, data):
    text, boxes, width, height = scene
    spans = [data.draw(st.lists(st.one_of(SHARDS, WORDS), max_size=4).map("".join)), *text.spans]
    spans.append(Mention("".join(data.draw(st.lists(SHARDS, max_size=5))), tuple(boxes)[:1]))
    said = decode(encode(Grounded(tuple(spans)), boxes, width, height), width, height)
    assert shapes(said.grounded.spans)[-1][1] == 1
    assert len(said.grounded.mentions) == len(text.mentions) + 1
    assert len(said.grounded.predicates) == len(text.predicates)
    assert not [p for p in said.problems if p.kind == "tag"]


def _boxes(count: int) -> str:
    return ",".join(f"[{i % 900},{i // 900 % 900},{i % 900 + 9},{i // 900 % 900 + 9}]" for i in range(count))


HUGE = {
    "open brackets": "<ref>a</ref><box>" + "[" * 1_000_000,
    "open tags": "<ref>" * 200_000,
    "open boxes": "<ref>a</ref>" + "<box>" * 200_000,
    "closing tags": "</box>" * 160_000,
    "half tags": "<re" * 330_000,
    "spaces": "<ref>a</ref><box>[" + " " * 1_000_000 + "x]</box>",
    "digits": "<ref>a</ref><box>[[" + "9" * 1_000_000 + ",1,2,3]]</box>",
    "commas": "<ref>a</ref><box>[[" + "," * 1_000_000 + "]]</box>",
    "one name": "<ref>" + "a" * 1_000_000,
    "many boxes of one name": f"<ref>a</ref><box>[{_boxes(60_000)}]</box>",
    "a long predicate of many": "<pred>" + "b" * 300_000 + f"</pred><box>[[1,1,2,2]]</box><box>[{_boxes(30_000)}]</box>",
    "many lists": "<pred>on</pred>" + "<box>[[1,1,2,2]]</box><box>[[3,3,4,4]]</box>" * 25_000,
    "many names of one box": "".join(f"<ref>n{i}</ref><box>[[1,1,2,2]]</box>" for i in range(25_000)),
    "line ends": "<ref>\n" * 160_000,
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_malice_is_read_in_bounded_time(kind):
    text = HUGE[kind]
    begun = time.process_time()
    decode(text, 640, 480)
    assert time.process_time() - begun < 12, f"{len(text):,} characters"
