"""Which option an answer means."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.metrics.letters import chosen

ANIMALS = ("cat", "dog", "a hot dog", "none of these")
SIDES = ("left of", "right of")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("B", 1), ("b", 1), ("B.", 1), ("(B)", 1), ("(b)", 1), ("**B**", 1), (" B \n", 1), ("B\nbecause it barks", 1),
        ("Option B", 1), ("Answer: B", 1), ("B. dog", 1), ("B) dog", 1), ("B: dog", 1), ("b) dog", 1), ("B, it barks", 1),
        ("The answer is B", 1), ("The correct answer is (B).", 1), ("I think the answer would be B, surely", 1),
        ("So I choose D", 3), ("dog", 1), ("Dog.", 1), ("The dog", 1), ("hot dog", 2), ("It is a hot dog", 2),
        ("It is a dog, I believe", 1), ("It looks like (B) to me", 1), ("“cat”", 0), ("none of these", 3),
        ("A. dog", 0), ("a cat", 0),
    ],
)  # fmt: skip
def test_what_is_meant(text, number):
    assert chosen(text, ANIMALS) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "E",
        "A or B",
        "a cat or a dog",
        "I can't tell",
        "The answer is A. No, the answer is B",
        "(A) or (B)",
        "A, B",
        "42",
    ],
)
def test_what_is_no_answer(text):
    assert chosen(text, ANIMALS) is None


@pytest.mark.parametrize(("text", "number"), [("Yes", 0), ("no.", 1), ("No, it isn't.", 1), ("Yes, the cup is left", 0)])
def test_yes_and_no(text, number):
    assert chosen(text, ("Yes", "No")) == number
    assert chosen(text, ("No", "Yes")) == 1 - number
    assert chosen(text, SIDES) is None


def test_letters_without_options():
    assert chosen("C.", letters=4) == 2
    assert chosen("C.", letters=2) is None
    assert chosen("the third", letters=4) is None


def test_options_of_the_same_words_are_told_by_letter_only():
    assert chosen("cup", ("cup", "cup")) is None
    assert chosen("B", ("cup", "cup")) == 1


@pytest.mark.parametrize(
    "text", ["-" * 100_000, "." * 100_000 + "x", "answer " * 14_000, "(" * 100_000, "no " * 33_000, "A" * 100_000]
)
def test_long_answers_take_no_time(text):
    assert chosen(text, ANIMALS) is None


@given(st.text(max_size=80), st.lists(st.text(max_size=8), min_size=2, max_size=5))
def test_any_text_has_an_option_or_none(text, options):
    number = chosen(text, options)
    assert number is None or 0 <= number < len(options)


@pytest.mark.parametrize("between", [" ", "\n", " is", "(", "answer "])
def test_long_answers_are_read_in_time(between):
    start = time.process_time()
    assert chosen("the answer" + between * 20_000 + "x", SIDES) is None
    assert time.process_time() - start < 1
