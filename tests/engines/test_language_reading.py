"""What a model replied, read as JSON: mended where one reading is possible, refused otherwise, and never run."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from spacestudio.engines.language.reading import MOST, Unread, read


class Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: str
    b: str


class Names(BaseModel):
    model_config = ConfigDict(extra="forbid")
    names: list[str]


class Pairs(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pairs: list[Pair]
    note: str


@pytest.mark.parametrize(
    ("text", "names", "mended"),
    [
        ('{"names": ["a", "b"]}', ["a", "b"], False),
        ('Here you are:\n```json\n{"names": ["a"]}\n```\nAnything else?', ["a"], False),
        ('```\n{"names": ["a"]}', ["a"], False),
        ('<think>{"names": ["x"]} or so</think>{"names": ["a"]}', ["a"], False),
        ('An example is [1, 2]. {"names": ["a"]} is mine.', ["a"], False),
        ('{"names": ["a"]} I repeat: {"names": ["a"]}', ["a"], False),
        ('{"names": ["a",]}', ["a"], True),
        ('{"names": ["a", "b",\n ], }', ["a", "b"], True),
        ('{"names": [",]", "}"]}', [",]", "}"], False),
        ('["a", "b"]', ["a", "b"], True),
        ('{"names": ["a", "b", "c', ["a", "b"], True),
        ('{"names": ["a", "b"', ["a", "b"], True),
        ('{"names": ["say \\"hi\\", b]", "c', ['say "hi", b]'], True),
    ],
)
def test_one_reading(text, names, mended):
    value, was = read(text, Names)
    assert (value.names, was) == (names, mended)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("I would rather write a poem.", "no JSON"),
        ("{'names': ['a']}", "no JSON"),
        ("__import__('os').system('true')", "no JSON"),
        ('{"names": [NaN]}', "no JSON"),
        ('{"names": ["a"], "names": ["b"]}', "no JSON"),
        ('{"names": [', "no JSON"),
        ('{"names": ["a', "no JSON"),
        ('{"names": "a"}', "wrong schema"),
        ('{"names": [1]}', "wrong schema"),
        ('{"names": ["a"], "more": 1}', "wrong schema"),
        ('{"names": ["a"]} or {"names": ["b"]}', "several answers"),
    ],
)
def test_no_reading(text, why):
    with pytest.raises(Unread) as caught:
        read(text, Names)
    assert caught.value.why == why and "\n" not in str(caught.value)


def test_of_a_cut_list_only_whole_parts_count():
    whole = '{"note": "n", "pairs": [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}'
    value, mended = read(whole + ', {"a": "5", "b', Pairs)
    assert mended and [p.a for p in value.pairs] == ["1", "3"], "no half of a pair"
    assert [p.a for p in read(whole, Pairs)[0].pairs] == ["1", "3"]
    with pytest.raises(Unread):
        read('{"pairs": [{"a": "1", "b": "2"}', Pairs)  # what is lacking is not made up


@given(st.lists(st.text(max_size=12), max_size=6), st.text("abc {[", max_size=8), st.booleans())
def test_whatever_is_said_in_json_is_read_as_said(names, prose, fenced):
    text = json.dumps({"names": names}, ensure_ascii=False)
    text = f"```json\n{text}\n```" if fenced else text
    if "{" not in prose and "[" not in prose:
        assert read(f"{prose} {text}", Names)[0].names == names
    cut, _ = text, None
    for end in range(len(cut)):  # a cut reply gives the beginning of the list, or nothing
        try:
            found = read(cut[:end], Names)[0].names
        except Unread:
            continue
        assert found == names[: len(found)]


@pytest.mark.parametrize("text", ["[" * MOST, '{"a":' * 30_000, "[{" * 40_000, '{"names": {' * 9_000])
def test_a_hostile_reply_ends(text):
    with pytest.raises(Unread) as caught:
        read(text, Names)
    assert caught.value.why in ("no JSON", "wrong schema")


def test_of_an_endless_list_what_is_looked_at_counts():
    value, mended = read('{"names": [' + '"a",' * MOST, Names)
    assert mended and set(value.names) == {"a"} and len(value.names) < MOST / 4
