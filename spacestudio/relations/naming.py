"""What to call things: articles, plurals, and names that fit exactly one object of the scene."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from typing import Any

from spacestudio.domain.objects import SceneObject

GAP = 0.05
"""Share of the picture's side by which "leftmost" must lead the next of its kind (as `relations.direction`)."""
_UNNAMED = re.compile(
    r"(object|region|thing|item|unknown|unlabell?ed|proposal|segment)?[\s_#-]*\d*|box[\s_#-]*\d+", re.IGNORECASE
)
_WORDS = re.compile(r"[A-Za-z][A-Za-z' -]*")

COCO: Mapping[str, tuple[str, ...]] = {
    "people": ("person",),
    "vehicle": ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    "outdoor": ("traffic light", "fire hydrant", "stop sign", "parking meter", "bench"),
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    "accessory": ("backpack", "umbrella", "handbag", "tie", "suitcase"),
    "sports": (
        "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
        "tennis racket",
    ),
    "kitchen": ("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl"),
    "food": ("banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"),
    "furniture": ("chair", "couch", "potted plant", "bed", "dining table", "toilet"),
    "electronic": ("tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    "appliance": ("microwave", "oven", "toaster", "sink", "refrigerator"),
    "indoor": ("book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"),
}  # fmt: skip
"""COCO's 80 labels by what they belong with."""

_COCO = frozenset(label for group in COCO.values() for label in group)
_IRREGULAR = {"person": "people", "knife": "knives", "mouse": "mice", "sheep": "sheep", "broccoli": "broccoli"}
_PLURAL_ONLY = """
skis scissors pants jeans trousers shorts glasses sunglasses goggles headphones binoculars pliers tweezers people stairs
curtains blinds shoes boots gloves socks sneakers sandals slippers flowers clothes leaves grapes fries chopsticks earrings
books bananas apples oranges
"""
PLURAL_ONLY = frozenset(_PLURAL_ONLY.split())
"""Last words of labels that take "are"."""
_UNCOUNTED = """
grass water sky sand snow ground food hair furniture floor broccoli bread rice ice clothing equipment luggage mud dirt smoke
foliage vegetation traffic paper cheese
"""
UNCOUNTED = frozenset(_UNCOUNTED.split())
"""Last words of labels that are not counted."""


def clean(text: str) -> str:
    """The text in one line, without control or invisible characters; otherwise as written."""
    kept = (
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in text
        if unicodedata.category(c) not in ("Cf", "Cs")
    )
    return " ".join("".join(kept).split())


@lru_cache(maxsize=4096)
def label_of(text: str) -> str:
    """A label ready for a sentence: one line, no leading article; "" for what was never named ("", "object", "region 3")."""
    label = re.sub(r"^(a|an|the) (?=[a-z]{2})", "", clean(text), flags=re.IGNORECASE)
    return "" if _UNNAMED.fullmatch(label) else label


def is_word(label: str) -> bool:
    """Whether a label is made of plain words, so that articles and plurals apply."""
    return len(label) <= 60 and bool(_WORDS.fullmatch(label))


def is_plural(label: str) -> bool:
    """Whether a label takes "are" ("scissors")."""
    return _last(label) in PLURAL_ONLY


def is_uncounted(label: str) -> bool:
    """Whether a label takes no article ("grass")."""
    return _last(label) in UNCOUNTED


def _last(label: str) -> str:
    return label.casefold().split()[-1] if label else ""


@cache
def _inflect() -> Any:
    """The grammar engine, loaded when a label needs it."""
    import inflect

    return inflect.engine()


@lru_cache(maxsize=4096)
def a(label: str) -> str:
    """With its indefinite article: "an apple", "any scissors", "a <b>"."""
    if is_plural(label) or is_uncounted(label):
        return f"any {label}"
    if label in _COCO:
        return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"
    if re.match(r"(8|11\b|18\b)", label):
        return f"an {label}"
    if not is_word(label):
        return f"{'an' if label[:1].casefold() in tuple('aeiou') else 'a'} {label}"
    return str(_inflect().a(label))


@lru_cache(maxsize=4096)
def plural(label: str) -> str:
    """More than one: "cups", "people"; what is no plain word gets "things labelled"."""
    if is_plural(label) or is_uncounted(label):
        return label
    if not is_word(label):
        return f"things labelled “{label}”"
    if label in _COCO:
        if label in _IRREGULAR:
            return _IRREGULAR[label]
        return re.sub(r"(s|x|ch|sh)$", r"\1e", label) + "s"
    return str(_inflect().plural(label))


def listing(words: Sequence[str], last: str = "or") -> str:
    """ "red, green or blue"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


@dataclass(frozen=True, slots=True)
class Name:
    """What to call one object, without its article."""

    text: str
    plural: bool = False

    @property
    def the(self) -> str:
        """ "the cup"."""
        return f"the {self.text}"

    @property
    def be(self) -> str:
        """ "is" or "are"."""
        return "are" if self.plural else "is"

    @property
    def do(self) -> str:
        """ "does" or "do"."""
        return "do" if self.plural else "does"


# Kinds of attributes: two of one kind exclude each other.

COLOURS = (
    "red", "green", "blue", "yellow", "black", "white", "orange", "purple", "brown", "pink", "gray", "grey", "silver",
    "golden", "gold", "beige", "tan", "violet", "cyan", "turquoise", "maroon", "navy", "cream", "teal", "magenta",
)  # fmt: skip
_ALIKE = (
    {"gray", "grey", "silver"}, {"red", "maroon", "orange"}, {"orange", "gold", "golden", "yellow"},
    {"pink", "magenta", "red"},
    {"blue", "navy", "cyan", "teal"}, {"purple", "violet", "magenta", "pink"}, {"brown", "tan", "beige", "maroon", "orange"},
    {"white", "cream", "beige", "silver"}, {"black", "navy"}, {"green", "teal", "turquoise", "cyan"}, {"yellow", "cream"},
    {"blue", "turquoise", "violet", "purple"}, {"cream", "yellow", "tan"}, {"black", "gray", "grey", "brown"},
)  # fmt: skip
MATERIALS = ("wooden", "metal", "plastic", "glass", "ceramic", "leather", "stone", "paper", "rubber", "cloth")
_OPPOSITES = """
open closed, full empty, wet dry, clean dirty, standing sitting, awake sleeping, round square, striped plain, old young,
hot cold, big small, large little, tall short, long stubby, whole broken, lit unlit, ripe unripe, parked moving,
smooth rough, shiny dull, soft hard, bright dark, transparent opaque, thick thin
"""
OPPOSITES: Mapping[str, str] = {
    x: y for pair in (row.split() for row in _OPPOSITES.split(",")) for x, y in (pair, reversed(pair))
}
_COLOUR_SET, _MATERIAL_SET = frozenset(COLOURS), frozenset(MATERIALS)


def kind_of(attribute: str) -> str:
    """ "colour", "material", the pair of opposites it belongs to, or "" for other words."""
    word = attribute.casefold()
    if word in _COLOUR_SET:
        return "colour"
    if word in _MATERIAL_SET:
        return "material"
    return "/".join(sorted((word, OPPOSITES[word]))) if word in OPPOSITES else ""


def excluded(attribute: str) -> tuple[str, ...]:
    """What a thing with this attribute surely is not: clearly other colours, other materials, the opposite."""
    word, kind = attribute.casefold(), kind_of(attribute)
    if kind == "colour":
        alike = {word}.union(*(group for group in _ALIKE if word in group))
        return tuple(c for c in COLOURS[:11] if c not in alike)
    if kind == "material":
        return tuple(m for m in MATERIALS if m != word)
    return (OPPOSITES[word],) if kind else ()


@lru_cache(maxsize=4096)
def _attributes(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(w for w in map(clean, words) if w))


def attributes_of(o: SceneObject) -> tuple[str, ...]:
    """An object's attributes in one line each, no empty ones, no repeats."""
    return _attributes(o.attributes)


class Names:
    """What to call each object of a picture so that nothing else of the picture is meant.

    Its label when no other object bears it or a label that ends with it ("glass", "wine glass"); else attributes that
    the others lack, where the others have one of the same kind; else its place in a row ("leftmost cat"). What can't be
    told apart, and what was never named, has no name; nor has what shares its label with something `unlisted`, a thing
    of the picture that is no object here.
    """

    def __init__(
        self, objects: Sequence[SceneObject], width: int, height: int, unlisted: Collection[str] = frozenset()
    ) -> None:
        self.labels = {o.id: label_of(o.label) for o in objects}
        self.unnamed = tuple(i for i, label in self.labels.items() if not label)
        self._objects = {o.id: o for o in objects}
        self._size = max(width, 1), max(height, 1)
        self._words = {o.id: frozenset(w.casefold() for w in attributes_of(o)) for o in objects}
        folded = {i: label.casefold() for i, label in self.labels.items() if label}
        self.groups: dict[str, list[str]] = {}
        for i, label in folded.items():
            self.groups.setdefault(label, []).append(i)
        self._kin = {
            label: [i for other, ids in self.groups.items() if other == label or other.endswith(f" {label}") for i in ids]
            for label in self.groups
        }
        self._shared = {
            label for label in self.groups if any(other == label or other.endswith(f" {label}") for other in unlisted)
        }
        first = {i: self._name(i, frozenset()) for i in folded}
        texts = Counter(n.text.casefold() for n in first.values() if n)
        self._names = {i: n for i, n in first.items() if n and texts[n.text.casefold()] == 1}

    def __iter__(self) -> Iterator[str]:
        """The ids of the objects that have a name, in the graph's order."""
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, object_id: object) -> bool:
        return object_id in self._names

    def __getitem__(self, object_id: str) -> Name:
        return self._names[object_id]

    def get(self, object_id: str) -> Name | None:
        """Its name, or None."""
        return self._names.get(object_id)

    def call(self, object_id: str) -> str:
        """ "the cup" where it has a name, else its label or id; for messages, not for questions."""
        name = self.get(object_id)
        return name.the if name else f"“{self.labels.get(object_id) or object_id}”"

    def without(self, object_id: str, hidden: Collection[str]) -> Name | None:
        """A name that does not give away any of the hidden attributes."""
        if object_id not in self._names:
            return None
        name = self._name(object_id, frozenset(w.casefold() for w in hidden))
        others = {n.text.casefold() for i, n in self._names.items() if i != object_id}
        return name if name and name.text.casefold() not in others else None

    def alone(self, label: str) -> bool:
        """Whether no label merely ends with this one, and nothing unlisted bears it, so that counting it is beyond doubt."""
        return label not in self._shared and len(self._kin.get(label, ())) == len(self.groups.get(label, ()))

    def _name(self, object_id: str, hidden: frozenset[str]) -> Name | None:
        label = self.labels[object_id]
        if label.casefold() in self._shared:
            return None
        peers = [i for i in self._kin[label.casefold()] if i != object_id]
        if not peers:
            return Name(label, is_plural(label))
        words = self._described(object_id, peers, hidden) or self._placed(object_id, peers)
        if not words:
            return None
        before, after = words
        return Name(" ".join(filter(None, (before, label, after))), is_plural(label))

    def _described(self, object_id: str, peers: Sequence[str], hidden: frozenset[str]) -> tuple[str, str] | None:
        """The fewest attributes that no peer shares; a peer that says nothing of that kind might share it unseen."""
        own = [w for w in attributes_of(self._objects[object_id]) if w.casefold() not in hidden]
        for count in (1, 2):
            for chosen in combinations(own[:6], count):
                if all(any(self._lacks(peer, word) for word in chosen) for peer in peers):
                    return " ".join(chosen), ""
        return None

    def _lacks(self, peer: str, word: str) -> bool:
        words = self._words[peer]
        if word.casefold() in words:
            return False
        kind = kind_of(word)
        return any(kind_of(w) == kind for w in words) if kind else bool(words)

    def _placed(self, object_id: str, peers: Sequence[str]) -> tuple[str, str] | None:
        """Its place in the row of its kind, across and then down, where it leads its neighbours clearly."""
        rows = (("leftmost", "rightmost", "from the left"), ("uppermost", "lowermost", "from the top"))
        for axis, (start, end, side) in enumerate(rows):
            share = [self._objects[i].box.center[axis] / self._size[axis] for i in (object_id, *peers)]
            own, others = share[0], share[1:]
            if min(abs(own - other) for other in others) < GAP:
                continue
            before = sum(other < own for other in others)
            if before == 0:
                return start, ""
            if before == len(others):
                return end, ""
            if before < 4:
                return ("second", "third", "fourth")[before - 1], side
        return None
