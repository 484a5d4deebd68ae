"""Names that fit exactly one object; articles and plurals."""

from __future__ import annotations

import inflect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.objects import SceneObject
from spacestudio.qa.keys import Asked, label_slug
from spacestudio.relations.naming import COCO, Names, a, clean, is_plural, is_uncounted, label_of, listing, plural
from tests.qa.made import thing


def names(*objects: SceneObject) -> dict[str, str]:
    found = Names(objects, 100, 100)
    return {i: found[i].the for i in found}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("cup", "a cup"), ("apple", "an apple"), ("hour hand", "an hour hand"), ("unicorn", "a unicorn"), ("scissors", "any scissors"),
        ("grass", "any grass"), ("8-ball", "an 8-ball"), ("<b>", "a <b>"), ("honest man", "an honest man"), ("one-way sign", "a one-way sign"),
    ],
)  # fmt: skip
def test_articles(label: str, expected: str) -> None:
    assert a(label) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [("cup", "cups"), ("person", "people"), ("wine glass", "wine glasses"), ("sheep", "sheep"), ("city", "cities"), ("scissors", "scissors"),
     ("child", "children"), ("${x}", "things labelled “${x}”")],
)  # fmt: skip
def test_plurals(label: str, expected: str) -> None:
    assert plural(label) == expected


def test_the_short_way_agrees_with_the_grammar_engine() -> None:
    engine = inflect.engine()
    for label in (label for group in COCO.values() for label in group):
        if not is_plural(label) and not is_uncounted(label):
            assert a(label) == engine.a(label)
            assert plural(label) == engine.plural(label)


def test_eighty_labels() -> None:
    assert len({label for group in COCO.values() for label in group}) == 80


@pytest.mark.parametrize(
    ("text", "expected"),
    [("cup", "cup"), ("a black cat", "black cat"), ("The  cup\n", "cup"), ("object", ""), ("Region 12", ""), ("", ""), (" \t", ""),
     ("object_3", ""), ("a\nb", "a b"), ("objective", "objective"), ("box", "box"), ("box 3", ""), ("box kite", "box kite"), ("\u202ecup", "cup")],
)  # fmt: skip
def test_labels(text: str, expected: str) -> None:
    assert label_of(text) == expected


@given(st.text(max_size=60))
def test_clean_is_one_line_and_settled(text: str) -> None:
    line = clean(text)
    assert len(line.splitlines()) <= 1
    assert clean(line) == line
    line.encode()


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_slugs_tell_labels_apart_and_hold_no_colon(x: str, y: str) -> None:
    assert ":" not in label_slug(x)
    assert (label_slug(x) == label_slug(y)) == (clean(x).casefold() == clean(y).casefold())


def test_keys_come_apart_and_together() -> None:
    for key in ("relation:cup-1:left of:plate-1:image:yes-no", "count:cup:count:image:number"):
        asked = Asked.of(key)
        assert asked is not None
        assert asked.key == key
    assert Asked.of("own:1") is None
    assert Asked.of("whatever") is None


def test_a_unique_label_is_the_name() -> None:
    assert names(thing("c", "cup"), thing("p", "plate"), thing("o", "")) == {"c": "the cup", "p": "the plate"}


def test_attributes_tell_apart() -> None:
    assert names(thing("a", "cat", 20, 50, "black"), thing("b", "cat", 22, 50, "white")) == {
        "a": "the black cat",
        "b": "the white cat",
    }


def test_an_attribute_the_other_may_share_unseen_does_not() -> None:
    assert names(thing("a", "cat", 20, 50, "black"), thing("b", "cat", 80, 50)) == {
        "a": "the leftmost cat",
        "b": "the rightmost cat",
    }


def test_two_attributes_together() -> None:
    cats = [
        thing("a", "cat", 50, 50, "black", "open"),
        thing("b", "cat", 50, 50, "black", "closed"),
        thing("c", "cat", 50, 50, "white", "open"),
    ]
    assert names(*cats) == {"a": "the black open cat", "b": "the closed cat", "c": "the white cat"}


def test_places_in_a_row() -> None:
    row = [thing(f"c{n}", "cat", 10 + 20 * n, 50) for n in range(4)]
    assert list(names(*row).values()) == [
        "the leftmost cat",
        "the second cat from the left",
        "the third cat from the left",
        "the rightmost cat",
    ]
    assert names(thing("a", "cat", 50, 20), thing("b", "cat", 52, 80)) == {
        "a": "the uppermost cat",
        "b": "the lowermost cat",
    }


def test_what_can_not_be_told_apart_has_no_name() -> None:
    assert names(thing("a", "cat", 50, 50), thing("b", "cat", 51, 51)) == {}


def test_a_kind_of_it_counts_as_another() -> None:
    found = names(thing("a", "glass", 10), thing("b", "wine glass", 90))
    assert found == {"a": "the leftmost glass", "b": "the wine glass"}


def test_equal_names_cancel() -> None:
    found = names(thing("a", "cat", 20, 50, "black"), thing("b", "cat", 21, 50, "white"), thing("c", "black cat", 22, 50))
    assert "a" not in found
    assert found["c"] == "the black cat"


def test_case_makes_no_difference() -> None:
    assert names(thing("a", "Cat", 10), thing("b", "cat", 90)) == {"a": "the leftmost Cat", "b": "the rightmost cat"}


def test_hidden_attributes_stay_hidden() -> None:
    found = Names([thing("a", "cat", 20, 50, "black"), thing("b", "cat", 80, 50, "white")], 100, 100)
    name = found.without("a", ["black"])
    assert name is not None
    assert name.the == "the leftmost cat"
    assert found["a"].the == "the black cat"


def test_verbs_agree() -> None:
    found = Names([thing("s", "scissors"), thing("c", "cup")], 100, 100)
    assert (found["s"].be, found["s"].do, found["c"].be, found["c"].do) == ("are", "do", "is", "does")


def test_messages_call_the_unnamed_by_id() -> None:
    found = Names([SceneObject("x-1", "", Box(0, 0, 1, 1))], 10, 10)
    assert found.call("x-1") == "“x-1”"


def test_listing() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"], "and") == "a, b and c"
