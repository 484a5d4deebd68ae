"""Prompts that ask for two objects in a relation: SR2D (Gokhale et al. 2023; SEEDS 3.3), and the same for any relations.

Objects are paired in the order they are given in. With R relations pair p has the ids from (2R + 2) p on: relation k asked
of first and second object is 2k further, of second and first 2k + 1; then both with "and", in both orders. Each object
alone comes last. With SR2D's four relations that is 10p + 2k, 10p + 2k + 1, 10p + 8, 10p + 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import Any

from spacestudio.domain.prompts import AND, SINGLE, Prompt

Article = Callable[[str], str]
OBJECTS = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot",
    "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv",
    "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book",
    "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""Of SR2D: COCO's 80, in their order. Written out here so that writing SR2D wakes nothing else."""
RELATIONS = ("to the left of", "to the right of", "above", "below")
"""Of SR2D."""


def phrase(predicate: str) -> str:
    """A predicate as prompts word it: "left of" -> "to the left of", "wider" -> "wider than"."""
    from spacestudio.relations.words import sided

    return predicate if predicate == "separated" else sided(predicate)


def by_letter(name: str) -> str:
    """With the article its first letter asks for: "an orange", "a skis". For COCO's 80 names that is the published text."""
    return f"{'an' if name[:1] in tuple('aeiou') else 'a'} {name}"


def by_sound(name: str) -> str:
    """With the article its first sound asks for: "an hour glass", "a unicorn"."""
    return str(_inflect().a(name))


@cache
def _inflect() -> Any:
    import inflect

    return inflect.engine()


def sentence(first: str, relation: str, second: str) -> str:
    """The text of two things that carry their articles already: "a cup to the left of an orange" (SEEDS 3.2)."""
    if relation == "separated":
        return f"{first} and {second} separated"
    return f"{first} {relation} {second}"


def pair_prompts(objects: Sequence[str], relations: Sequence[str], article: Article = by_letter) -> Iterator[Prompt]:
    """Every pair of objects in every relation, both orders; with "and"; and each object alone.

    Args:
        objects: names, each once.
        relations: as worded in the text (`phrase`).
        article: puts an article before a name.
    """
    called = {name: article(name) for name in objects}
    number = 0
    for one, other in combinations(objects, 2):
        for relation in (*relations, AND):
            for first, second in ((one, other), (other, one)):
                yield Prompt(number, first, second, relation, sentence(called[first], relation, called[second]))
                number += 1
    for last, name in enumerate(objects):
        yield Prompt(number + last, name, "", SINGLE, called[name])
