"""Things that must not appear and yet stand in the graph: how many, which, and two ways out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.objects import SceneObject

_IRREGULAR: Mapping[str, str] = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "feet": "foot",
    "teeth": "tooth", "geese": "goose", "knives": "knife", "shelves": "shelf", "leaves": "leaf", "loaves": "loaf",
    "wolves": "wolf", "calves": "calf", "scarves": "scarf", "halves": "half",
}  # fmt: skip
_OWN = frozenset(["glasses", "sheep", "fish", "deer", "series", "species", "scissors", "trousers", "jeans", "shorts"])
"""Words that end like a plural and are what they are."""


@dataclass(frozen=True)
class AbsentRepair:
    """One way out: "remove" the objects from the graph, or "allow" the thing.

    Attributes:
        words: what to do, one sentence.
    """

    kind: Literal["remove", "allow"]
    clash: AbsentClash
    words: str

    def applied(self, graph: SpatialGraph) -> SpatialGraph:
        """The graph after it."""
        if self.kind == "remove":
            return graph.but(objects=[o for o in graph.objects if o.id not in self.clash.objects])
        own = set(forms(self.clash.name))
        return graph.but(negative_objects=tuple(n for n in graph.negative_objects if not own & set(forms(n))))


@dataclass(frozen=True)
class AbsentClash:
    """A thing the graph says is absent, and the objects that are one.

    Attributes:
        objects: their ids, in the graph's order.
        name: what must not appear, as it was said.
    """

    objects: tuple[str, ...]
    name: str

    def words(self, names: Mapping[str, str]) -> str:
        """One sentence: "2 dogs are in the graph (dog-1, dog-2), and dog must not appear."

        Args:
            names: id -> what to call the object.
        """
        if len(self.objects) == 1:
            return f"{names.get(self.objects[0], self.objects[0])} is in the graph, and {self.name} must not appear."
        ids = ", ".join(self.objects)
        return f"{self._several} are in the graph ({ids}), and {self.name} must not appear."

    def repairs(self, names: Mapping[str, str]) -> tuple[AbsentRepair, ...]:
        """Both ways out, each of which ends the clash."""
        one = len(self.objects) == 1
        whom = names.get(self.objects[0], self.objects[0]) if one else f"the {self._several}"
        return (
            AbsentRepair("remove", self, f"Remove {whom} from the graph."),
            AbsentRepair("allow", self, f"Take “{self.name}” off the things that must not appear."),
        )

    @property
    def _several(self) -> str:
        return f"{len(self.objects)} {_plural(forms(self.name)[-1])}"


def absent_clashes(graph: SpatialGraph) -> tuple[AbsentClash, ...]:
    """Each thing that must not appear and does, in the order they were excluded.

    A thing is the same in any case, in the singular or plural, with or without its article; "black cat" excludes the black
    cats, "cat" excludes them all, and neither excludes a "cat food bowl".
    """
    seen: dict[str, str] = {}
    for name in graph.negative_objects:
        said = forms(name)
        if said and not any(form in seen for form in said):
            seen |= dict.fromkeys(said, name)
    out = []
    for name in dict.fromkeys(seen.values()):
        objects = tuple(o.id for o in graph.objects if _is(o, forms(name)))
        if objects:
            out.append(AbsentClash(objects, name))
    return tuple(out)


def _is(o: SceneObject, thing: tuple[str, ...]) -> bool:
    """Whether the object is such a thing: it bears the label, and all the attributes that are named."""
    if set(forms(o.name)) & set(thing):
        return True
    attributes = {word for a in o.attributes for word in _plain(a).split()}
    for form in thing:
        for label in forms(o.label):
            named = form.removesuffix(label)
            if named != form and (not named or named.endswith(" ")) and attributes.issuperset(named.split()):
                return True
    return False


def forms(name: str) -> tuple[str, ...]:
    """The name in lower case without article, and what it may be the plural of: ("dogs", "dog"); the likeliest last.

    Two names mean one thing when they share a form. A hyphen is a space: "a sports-ball" and "Sports balls" share one.
    """
    plain = re.sub(r"^(an?|the|some|any|no)\s+(?=\S)", "", _plain(name))
    head, _, last = plain.rpartition(" ")
    return tuple(f"{head} {form}".strip() for form in dict.fromkeys((last, *_singulars(last))) if form)


def _plain(text: str) -> str:
    """One line in lower case; between letters a hyphen or underscore is a space."""
    return " ".join(re.sub(r"(?<=[^\W_])[-_]+(?=[^\W_])", " ", text.lower()).split()).strip(" .,;")


def _singulars(word: str) -> Iterator[str]:
    """What the word may be the plural of, the likeliest last."""
    if word in _IRREGULAR:
        yield _IRREGULAR[word]
    elif word in _OWN or len(word) < 4 or word[-1] != "s" or word[-2:] in ("ss", "us", "is"):
        return
    elif word.endswith("ies"):
        yield from (word[:-1], f"{word[:-3]}y")
    elif re.search(r"(s|x|z|ch|sh|o)es$", word):
        yield from (word[:-1], word[:-2])
    else:
        yield word[:-1]


def _plural(noun: str) -> str:
    """Several of a thing named in the singular."""
    head, _, last = noun.rpartition(" ")
    back = {one: several for several, one in _IRREGULAR.items()}
    if last in back:
        last = back[last]
    elif re.search(r"[^aeiou]y$", last):
        last = f"{last[:-1]}ies"
    elif last not in _OWN:
        last += "es" if re.search(r"(s|x|z|ch|sh)$", last) else "s"
    return f"{head} {last}".strip()
