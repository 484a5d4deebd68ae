"""When two labels say the same."""

from __future__ import annotations

import time

import pytest

from spacestudio.metrics.names import Names, one_meaning, singular

GROUPS = [["person", "man", "Lady"], ["traffic light", "stop light"], ["couch", "sofa"], ["bench", "sofa"]]


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("trees", "tree"), ("people", "person"), ("wine glasses", "wine glass"), ("buses", "bus"), ("bus", "bus"),
        ("boxes", "box"), ("knives", "knife"), ("snowmen", "snowman"), ("grass", "grass"), ("cherries", "cherry"),
        ("dog", "dog"), ("tennis", "tennis"), ("women", "woman"), ("", ""),
    ],
)  # fmt: skip
def test_singular(many, one):
    assert singular(many) == one


@pytest.mark.parametrize(
    ("label", "said", "same"),
    [
        ("person", "man", True), ("man", "person", True), ("lady", "man", True), ("people", "man", True),
        ("traffic light", "Stop  Light", True), ("traffic light", "traffic lights", True), ("traffic light", "light", False),
        ("sky-other-merged", "sky", True), ("wall-brick", "wall", True), ("wall-brick", "wall brick", True),
        ("wall-brick", "brick", False), ("t-shirt", "t-shirt", True), ("couch", "sofa", True), ("bench", "sofa", False),
    ],
)  # fmt: skip
def test_same(label, said, same):
    assert Names(one_meaning(GROUPS)).same(label, (said,)) is same


def test_without_lemmas_plurals_differ():
    assert not Names(lemmas=False).same("tree", ("trees",))
    assert Names().same("tree", ("trees",))


def test_any_of_the_names_will_do():
    assert Names().same("cup", ("mug", "cup"))
    assert not Names().same("cup", ())


def test_class_names_end_where_their_kinds_begin():
    assert [Names()(name) for name in ("sky-other-merged", "a-other-b", "-stuff")] == ["sky", "a other b", ""]
    start = time.process_time()
    Names()("-other" * 8000 + "x")
    assert time.process_time() - start < 1
