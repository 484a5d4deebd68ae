"""Free text to a depth or an order: what models really write, and what must not be guessed."""

from __future__ import annotations

import random
import time

import pytest

from spacestudio.metrics.proximity_answers import choice_said, depth_said

CUP = (("cup", "cups"),)
PAIR = (("cup", "red cup"), ("bowl",))


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("0.45", 0.45),
        ("0.333333333333333333", 0.333333), ("0.5ish", 0.5), ("<answer>0.4</answer>", 0.4), ("2 out of 10", 0.2),
        ("It is at the very front, so 0.", 0), ("0.35 (35% of the way to the farthest point)", 0.35),
        ("The cup has a relative depth of 0.35 (0 being nearest, 1 being farthest).", 0.35),
        ("0,45", 0.45),
        ("The relative depth is 0.45.", 0.45),
        ("45%", 0.45),
        ("1/4", 0.25),
        ("about half", 0.5),
        (".3", 0.3),
        ("On a scale from 0 (nearest) to 1 (farthest), the cup is at about 0.7.", 0.7),
        ("0.45 out of 1", 0.45),
        ("0.45/1", 0.45),
        ("The cup is at 0.3 and the bowl is at 0.6.", 0.3),
        ("0.3 for the cup and 0.6 for the bowl", 0.3),
        ("zero point four five", 0.45),
        ("**0.62**", 0.62),
        ("\\boxed{0.62}", 0.62),
        ("<think>maybe 0.3 or 0.4</think>0.35", 0.35),
        ("Final answer: 0.8", 0.8),
        ("a quarter of the way", 0.25),
        ("0 (nearest)", 0),
        ("1", 1),
        ("1.0", 1),
        ("0", 0),
        ("0.45, where 0 is nearest and 1 is farthest", 0.45),
        ("~0.45", 0.45),
        ("≈ 0,5", 0.5),
        ("approximately 40 percent", 0.4),
        ("½", 0.5),
        ("three quarters", 0.75),
        ("1/3 (about 0.33)", 0.33),
        ("Depth: 0.4\nConfidence: high", 0.4),
        ("7/10", 0.7),
        ("The depth of the cup is 0.3, given that the table spans 0.2 to 0.9.", 0.3),
        ("[0, 1]: 0.2", 0.2),
        ("The cup has a relative depth of 0.45 on a scale of 0 to 1.", 0.45),
        ("It is 0.25, i.e. 25%", 0.25),
        ("{\"depth\": 0.55}", 0.55),
        ("5e-1", 0.5),
        ("The bowl is at 0.6 and the cup at 0.3", 0.3),
        ("The distance is 0.75 (0 = nearest, 1 = farthest).", 0.75),
        ("0.0", 0),
        ("1,0", 1),
    ],
)  # fmt: skip
def test_a_depth_is_read(text, depth):
    assert depth_said(text, CUP).value == pytest.approx(depth, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"), ("   ", "it is empty"), ("<think>0.4</think>", "it is empty"), ("<think>0.4 or", "it is empty"),
        ("The cup.", "it states no number"), ("The cup is very close to the camera.", "it states no number"),
        ("I cannot determine that from the image.", "it says it can't tell"), ("Sorry, I can't see a cup.", "it says it can't tell"),
        ("45", "its number lies outside 0 to 1"), ("-0.2", "its number lies outside 0 to 1"), ("1.2", "its number lies outside 0 to 1"),
        ("150 %", "its number lies outside 0 to 1"), ("3/0", "its number lies outside 0 to 1"),
        ("2.5 meters", "it states a length, not a share"), ("0.5m", "it states a length, not a share"),
        ("about 30 cm away", "it states a length, not a share"),
        ("0.3-0.4", "it gives a range"), ("between 0.3 and 0.4", "it gives a range"), ("0.3 to 0.5", "it gives a range"),
        ("0.2, 0.5 or 0.9", "it states several numbers"), ("halfway between the table and the wall", "it states no number"),
        ("On a scale of 1 to 10, it is 7.", "it gives a range"),
    ],
)  # fmt: skip
def test_what_is_no_depth_is_not_guessed(text, why):
    said = depth_said(text, CUP)
    assert said.value is None and said.why == why


@pytest.mark.parametrize(
    ("text", "asked", "value"),
    [
        ("The cup.", "closer", "first"),
        ("The answer is B", "closer", "second"), ("Answer: (B) the bowl", "closer", "second"),
        ("It isn't the bowl, it's the cup.", "closer", "first"), ("The cup is not as far away as the bowl.", "closer", "first"),
        ("The cup is right in front of the camera, whereas the bowl sits behind it.", "closer", "first"),
        ("Of the two objects, neither is noticeably closer.", "closer", "same"), ("cup=0.3 bowl=0.8", "farther", "second"),
        ("Both the cup and the bowl are close, but the bowl is closer.", "closer", "second"),
        ("the cup is 0.2 closer than the bowl", "closer", "first"), ("It's about the same for both.", "closer", "same"),
        ("bowl", "closer", "second"),
        ("the cups", "closer", "first"),
        ("A bowl", "closer", "second"),
        ("The cup is closer to the camera.", "closer", "first"),
        ("The cup is closer to the camera than the bowl.", "closer", "first"),
        ("The cup is farther than the bowl.", "closer", "second"),
        ("The cup is farther than the bowl.", "farther", "first"),
        ("not the cup but the bowl", "closer", "second"),
        ("The bowl, not the cup.", "closer", "second"),
        ("It's the bowl rather than the cup.", "closer", "second"),
        ("Both are about the same.", "closer", "same"),
        ("They are at roughly the same distance from the camera.", "closer", "same"),
        ("Neither is closer; they are equally far.", "closer", "same"),
        ("about the same", "farther", "same"),
        ("The same.", "closer", "same"),
        ("the first one", "closer", "first"),
        ("the latter", "farther", "second"),
        ("The former.", "closer", "first"),
        ("A", "closer", "first"),
        ("(b)", "closer", "second"),
        ("B.", "closer", "second"),
        ("Option A", "closer", "first"),
        ("0.3 for the cup and 0.6 for the bowl", "closer", "first"),
        ("0.3 for the cup and 0.6 for the bowl", "farther", "second"),
        ("cup: 0.5, bowl: 0.52", "closer", "same"),
        ("The relative depth of the cup is 0.12 and that of the bowl is 0.45, so the cup is closer to the camera.", "closer", "first"),
        ("Relative depth of the bowl: 0.12; of the cup: 0.45. Therefore the bowl is closer to the camera.", "closer", "second"),
        ("The cup and the bowl are at 0.6 and 0.2 respectively.", "closer", "second"),
        ("The bowl is behind the cup.", "closer", "first"),
        ("The cup is in front of the bowl.", "closer", "first"),
        ("The cup is behind the bowl", "closer", "second"),
        ("The cup is behind.", "closer", "second"),
        ("The cup is in the foreground, while the bowl is in the background.", "closer", "first"),
        ("The bowl appears nearer, while the cup is further away.", "closer", "second"),
        ("The cup is not closer than the bowl.", "closer", "second"),
        ("The cup isn't as close as the bowl.", "closer", "second"),
        ("The closer one is the bowl.", "closer", "second"),
        ("Closest to the camera is the cup.", "closer", "first"),
        ("Of the cup and the bowl, the closer is the cup.", "closer", "first"),
        ("Between the cup and the bowl, the bowl is closer.", "closer", "second"),
        ("Which is closer? The bowl.", "closer", "second"),
        ("Cup or bowl? Bowl.", "closer", "second"),
        ("I can see a cup on the table. The bowl is closer to the viewer.", "closer", "second"),
        ("The cup is closer, the bowl is farther.", "farther", "second"),
        ("The cup is closer and the bowl is farther away.", "closer", "first"),
        ("The cup looks closer at first, but actually the bowl is closer.", "closer", "second"),
        ("The cup's depth is 0.2 while the bowl's depth is 0.7", "closer", "first"),
        ("The bowl has a smaller depth, so it is nearer.", "closer", "second"),
        ("It is hard to say, but the cup seems closer.", "closer", "first"),
        ("Final answer: the bowl", "closer", "second"),
        ("**Answer:** cup", "closer", "first"),
        ("The cup is closer to the left edge. Answer: the bowl.", "closer", "second"),
        ("They are not at the same distance: the cup is nearer.", "closer", "first"),
        ("The cup is close to the camera and the bowl is far away.", "closer", "first"),
        ("the cup is as far as the bowl", "closer", "same"),
        ("Unlike the cup, the bowl is close to the camera.", "closer", "second"),
        ("It's not the cup that is closer.", "closer", "second"),
        ("Compared to the bowl, the cup is closer.", "closer", "first"),
        ("the bowl is the nearest object", "farther", "first"),
        ("closer: cup", "closer", "first"),
        ("The object closer to the camera is the bowl.", "closer", "second"),
        ("It is closer than the bowl.", "closer", "first"),
        ("The farther object is the cup.", "closer", "second"),
        ("The bowl is less far from the camera.", "closer", "second"),
        ("The cup is closer than the bowl because it occludes the bowl.", "closer", "first"),
        ("No, the cup is closer.", "closer", "first"),
        ("the cup (0.2) is closer than the bowl (0.5)", "closer", "first"),
        ("The bowl is further from the viewer than the cup, which is in the front.", "closer", "first"),
        ("the second", "closer", "second"),
        ("Second.", "closer", "second"),
        ("Cup is located at approximately 0.35, bowl approximately 0.33. They are about the same.", "closer", "same"),
        ("<think>the bowl is closer?</think>The cup", "closer", "first"),
        ("Both objects appear to be equidistant from the camera.", "farther", "same"),
        ("There is no significant difference.", "closer", "same"),
        ("Neither the cup nor the bowl is closer.", "closer", "same"),
        ("The bowl and the cup are equally distant", "closer", "same"),
        ("cup is farther to the left; the bowl is closer", "closer", "second"),
        ("The bowl is not closer; the cup is.", "closer", "first"),
        ("The cup does not appear to be farther than the bowl.", "closer", "first"),
        ("{\"answer\": \"bowl\"}", "closer", "second"),
        ("In the image, the red cup is positioned in front of the bowl, making it closer to the camera.", "closer", "first"),
        ("The bowl, because the cup is behind it.", "closer", "second"),
        ("The depth of the cup is smaller than that of the bowl.", "closer", "first"),
        ("Distance of the cup is less than the bowl", "closer", "first"),
        ("The cup has a greater depth than the bowl.", "closer", "second"),
        ("Red cup: 0.2\nBowl: 0.5\nCloser: Red cup", "closer", "first"),
        ("| cup | 0.2 |\n| bowl | 0.5 |", "closer", "first"),
        ("The red cup is closer to the camera, and the bowl is closer to the wall.", "closer", "first"),
        ("First, the cup is at 0.2; second, the bowl is at 0.6. The cup is closer.", "closer", "first"),
        ("The cup is nearest, followed by the bowl.", "farther", "second"),
        ("The red cup is at the back, and the bowl is at the front.", "closer", "second"),
    ],
)  # fmt: skip
def test_which_one_is_read(text, asked, value):
    assert choice_said(text, PAIR, asked, 0.05).value == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"), ("Yes", "it names neither"), ("Both", "it names neither"), ("The table.", "it names neither"),
        ("I cannot tell.", "it says it can't tell"), ("The cup and the bowl", "it names both"), ("cup > bowl", "it names both"),
        ("The cup is closer. The bowl is closer.", "it says both"), ("The cup is near the bowl.", "it names both"),
        ("The bowl is closer to the cup than the plate.", "it names both"), ("Which one, the cup?", "it names neither"),
        ("The depth is 0.4.", "it names neither"),
    ],
)  # fmt: skip
def test_what_names_neither_or_both_is_not_guessed(text, why):
    said = choice_said(text, PAIR, "closer", 0.05)
    assert said.value is None and said.why == why


@pytest.mark.parametrize(
    ("text", "depths"),
    [
        ("0.3 for the cup and 0.6 for the bowl", (0.3, 0.6)), ("cup: 0.3, bowl: 0.6", (0.3, 0.6)),
        ("The relative depth of the bowl is 0.45 and that of the cup is 0.12, so the cup is closer.", (0.12, 0.45)),
        ("The cup and the bowl are at 0.6 and 0.2 respectively.", (0.6, 0.2)),
        ("The bowl (0.5) is farther than the cup (0.25).", (0.25, 0.5)), ("The cup is at 30%, the bowl at 3/4.", (0.3, 0.75)),
        ("The cup is closer.", (None, None)), ("The cup is at 0.4.", (0.4, None)),
        ("On a scale from 0 (nearest) to 1 (farthest): cup 0.1; bowl 0.9", (0.1, 0.9)),
    ],
)  # fmt: skip
def test_depths_given_as_a_reason_are_read_too(text, depths):
    assert choice_said(text, PAIR, "closer", 0.05).depths == depths


def test_what_is_the_same_but_not_the_depth():
    for text in ("They are about the same size, and the bowl is closer.", "Both are the same colour; the bowl is nearer.",
                 "They are equally large. The bowl is closer.", "There is no difference in size, the bowl is closer.",
                 "It's not entirely clear, the bowl seems closer."):  # fmt: skip
        assert choice_said(text, PAIR, "closer", 0.05).value == "second", text


def test_names_of_two_cats():
    cats = (("leftmost cat", "cat on the left", "left one"), ("rightmost cat", "cat on the right", "right one"))
    for text, value in [
        ("The cat on the left.", "first"), ("the right one", "second"), ("The left one is farther away.", "second"),
        ("The rightmost cat is behind the leftmost cat.", "first"), ("the cat", None),
    ]:  # fmt: skip
        assert choice_said(text, cats, "closer", 0.05).value == value, text


def test_a_name_within_a_name():
    glasses = (("wine glass",), ("glass",))
    assert choice_said("the wine glass", glasses, "closer", 0.05).value == "first"
    assert choice_said("The glass is closer than the wine glass.", glasses, "closer", 0.05).value == "second"
    odd = (("7-up can (2)",), ("a+b",))
    assert choice_said("The 7-up can (2) is closer.", odd, "closer", 0.05).value == "first"
    assert choice_said("a+b", odd, "farther", 0.05).value == "second"


def test_the_tie_band_decides_between_depths_alone():
    assert choice_said("cup 0.50, bowl 0.54", PAIR, "closer", 0.05).value == "same"
    assert choice_said("cup 0.50, bowl 0.54", PAIR, "closer", 0.03).value == "first"
    assert choice_said("cup 0.50, bowl 0.54", PAIR, "farther", 0.03).value == "second"


def test_symbols_of_its_own_in_a_text_mean_nothing():
    assert choice_said("\ue000 \ue011", PAIR, "closer", 0.05).value is None


def test_any_text_is_read_in_time():
    words = [
        "the",
        "cup",
        "bowl",
        "is",
        "not",
        "closer",
        "farther",
        "than",
        "as",
        "same",
        "0.3",
        "0,4",
        "1/4",
        "%",
        "(",
        ")",
        ".",
        ",",
        "?",
        ";",
        "answer:",
        "so",
        "in front of",
        "behind",
    ]
    rng = random.Random(0)
    texts = [" ".join(rng.choices(words, k=rng.randint(0, 60))) for _ in range(300)]
    texts += [
        part * 5000
        for part in ("0", "the ", "not ", "a b ", "1/", "0 (", "as close ", "depth ", "<think>", "\n", "is closer than ")
    ]
    for text in texts:
        start = time.process_time()
        depth_said(text, CUP)
        choice_said(text, PAIR, "closer", 0.05)
        assert time.process_time() - start < 5, text[:40]


@pytest.mark.parametrize("text", ["about " * 600, "scale " + "\n" * 3900 + "x", "answer " + ":" * 3900 + "x"])
def test_what_is_repeated_is_read_in_time(text):
    start = time.process_time()
    assert choice_said(text, PAIR, "closer", 0.05).value is None
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("text", "value"),
    [("(a)", "first"), ("answer: (b).", "second"), ("The answer is: second", "second"), ("a)", "first"),
     ("about roughly the exactly same\n \n depth", "same")],
)  # fmt: skip
def test_an_option_alone_is_read(text, value):
    assert choice_said(text, PAIR, "closer", 0.05).value == value
