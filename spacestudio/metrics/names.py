"""When two labels say the same: case, spaces, plurals, synonyms, and the hyphens of panoptic class names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_PANOPTIC = re.compile(r"(?<!-merged)(?<!-other)(?<!-stuff)(?:-(?:merged|other|stuff))++$")
_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "geese": "goose",
    "feet": "foot", "teeth": "tooth", "knives": "knife", "wives": "wife", "leaves": "leaf", "shelves": "shelf",
    "loaves": "loaf", "wolves": "wolf", "calves": "calf", "scarves": "scarf", "halves": "half", "oxen": "ox", "dice": "die",
}  # fmt: skip
_COMPOUND = re.compile(r"(.*?)(men|women|children|people|mice|shelves)$")


def folded(text: str) -> str:
    """In lower case on one line: "Traffic  Light" is "traffic light"."""
    return " ".join(text.casefold().split())


@lru_cache(maxsize=65_536)
def singular(name: str) -> str:
    """One of them, by the last word: "wine glasses" is "wine glass", "people" is "person"; a rule, no dictionary."""
    before, _, last = name.rpartition(" ")
    return f"{before} {_one(last)}".strip()


def _one(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if compound := _COMPOUND.fullmatch(word):
        return compound[1] + _IRREGULAR[compound[2]]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "zes", "oes", "buses")) else word[:-1]


@dataclass(frozen=True)
class Names:
    """What labels are compared by.

    Attributes:
        synonyms: word -> the word of its group that stands for all of it; empty: labels compare as they are.
        lemmas: whether plurals are their singulars.
    """

    synonyms: Mapping[str, str] = field(default_factory=dict, hash=False)
    lemmas: bool = True

    def __call__(self, label: str) -> str:
        """The form that all labels of one meaning share; "sky-other-merged" is "sky", "wall-brick" is "wall brick"."""
        name = folded(_PANOPTIC.sub("", label.strip().casefold()).replace("-", " "))
        if name in self.synonyms or not self.lemmas:
            return self.synonyms.get(name, name)
        return self.synonyms.get(singular(name), singular(name))

    def same(self, label: str, others: Iterable[str]) -> bool:
        """Whether one of the others means the same; "wall-brick", a panoptic class name, is also its kind "wall"."""
        meant = {self(label), self(label.partition("-")[0])}
        return any(self(other) in meant for other in others)


def one_meaning(groups: list[list[str]]) -> dict[str, str]:
    """Word -> first word of its group, for `Names.synonyms`; a word of several groups belongs to the first of them."""
    out: dict[str, str] = {}
    for group in groups:
        words = [word for word in map(folded, group) if word]
        for word in words:
            out.setdefault(word, out.get(words[0], words[0]))
    return out
