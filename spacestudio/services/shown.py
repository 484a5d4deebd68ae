"""What a picture or a layout shows, as the graph asked of it looks at it: who stands for whom, which relation holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Relation, SpatialGraph, Verdict
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.layouts.extract import Judges, frame_of
from spacestudio.qa.known import truth
from spacestudio.reasoning.absent import absent_clashes, forms
from spacestudio.relations.naming import attributes_of, clean, excluded, label_of
from spacestudio.relations.relate import VIEWS, family_of, turn_predicate, verdict_of
from spacestudio.services.assign import Tie, assign

MIN_VISIBLE = 0.4
"""Under this visible share nothing is decided about an object (DESIGN 3)."""
REASONS = ("asked", "assumed", "because", "measured", "pin", "said", "undecided_because")
"""Evidence that belongs to a verdict; what is asked may have been a verdict elsewhere."""


class Shown:
    """What is shown: who stands for whom, and what each asked relation comes to between any two objects.

    Args:
        graph: the picture's own graph.
        variants: its measurements, under the stated assumption first.
        where: "picture" or "layout".
        unsure: why an object that is not found may be there all the same; unnamed objects of a picture are such a reason.
    """

    def __init__(
        self, graph: SpatialGraph, variants: tuple[Measurements, ...], where: str = "picture", unsure: str = ""
    ) -> None:
        self.graph, self.where = graph, where
        self.unsure = unsure or (_unnamed(graph) if where == "picture" else "")
        self.places = {o.id: i for i, o in enumerate(graph.objects)}
        self._measured = np.asarray(np.isfinite(variants[0].z).any(axis=1), bool)
        self._judges = Judges(variants[0], self.places, variants[1:])
        self._hidden = np.array([_visible(o) < MIN_VISIBLE for o in graph.objects], bool)
        self._signs: dict[tuple[str, str, str], NDArray[np.int8]] = {}

    # Who stands for whom

    def match(self, asked: SpatialGraph, by_id: bool) -> dict[str, str]:
        """Asked object id -> shown object id, as `verify.match` says."""
        things, own = self.graph.objects, self.places if by_id else {}
        found = {o.id: o.id for o in asked.objects if o.id in own and _alike(o, things[own[o.id]])}
        free = [k for k, o in enumerate(things) if o.id not in found]
        choices = {o.id: [k for k in free if _may_be(o, things[k])] for o in asked.objects if o.id not in found}
        choices = {i: places for i, places in choices.items() if places}
        if choices:
            merits, ties = self._merits(asked, choices, found)
            picked = assign(list(choices.values()), merits, ties)
            found |= {i: self.graph.ids[k] for i, k in zip(choices, picked, strict=True) if k >= 0}
        return {i: found[i] for i in asked.ids if i in found}

    def _merits(
        self, asked: SpatialGraph, choices: Mapping[str, Sequence[int]], fixed: Mapping[str, str]
    ) -> tuple[NDArray[np.int64], list[Tie]]:
        """What `assign` weighs: found, attributes, verified, -failed, score; and the relations between two open objects."""
        n = len(self.graph)
        column = {i: k for k, i in enumerate(choices)}
        merits = np.zeros((len(choices), n + 1, 5), np.int64)
        merits[:, :n, 0] = 1
        for i, row in column.items():
            for k in choices[i]:
                merits[row, k, 1] = _agreement(asked[i], self.graph.objects[k])
        merits[:, :n, 4] = [round(o.score * 1_000_000) for o in self.graph.objects]
        ties: list[Tie] = []
        for r in asked:
            ends = [column.get(r.subject), column.get(r.object)]
            known_ends = [e is not None or i in fixed for e, i in zip(ends, (r.subject, r.object), strict=True)]
            if r.verdict == "undecided" or not all(known_ends) or ends == [None, None]:
                continue
            signs = np.pad(self.signs(r), (0, 1), constant_values=-1)  # a missing end fails it
            a, b = ends
            if a is not None and b is not None:
                ties.append((a, b, signs))
            else:
                line = signs[:, self.places[fixed[r.object]]] if a is not None else signs[self.places[fixed[r.subject]]]
                own = a if a is not None else b
                merits[own, :, 2] += line > 0
                merits[own, :, 3] -= line < 0
        return merits, ties

    # What a relation comes to

    def verdicts(self, asked: SpatialGraph, match: Mapping[str, str]) -> tuple[Relation, ...]:
        """Each asked relation with its verdict here, as `verify.Verification` holds it."""
        return tuple(self._verdict(r, asked, match) for r in asked)

    def unwanted(self, asked: SpatialGraph) -> dict[str, tuple[str, ...]]:
        """Name that must not appear -> ids of the objects here that bear it; names that don't appear are left out."""
        named = [o for o in self.graph.objects if _plain(o.label)]
        here = SpatialGraph.of(named, (), negative_objects=asked.negative_objects)
        return {clash.name: clash.objects for clash in absent_clashes(here)}

    def signs(self, r: Relation) -> NDArray[np.int8]:
        """(N, N): 1 where it is as asked between these two, -1 where it is not, 0 undecided."""
        key = (r.predicate, frame_of(r), r.verdict)
        if key not in self._signs:
            judged = self._judges.judged(r)
            table = np.zeros((len(self.graph),) * 2, np.int8) if judged is None else judged.sign.astype(np.int8)
            table[self._hidden] = 0
            table[:, self._hidden] = 0
            for (subject, object_), (sign, _) in self._told(r).items():
                table[self.places[subject], self.places[object_]] = sign
            self._signs[key] = table * np.int8({"true": 1, "false": -1, "undecided": 0}[r.verdict])
        return self._signs[key]

    @cached_property
    def _said(self) -> list[Relation]:
        """What was not measured: a person's corrections, and a model's words."""
        return [r for r in self.graph if r.origin != "geometry"] if (self.graph.table.origin != "geometry").any() else []

    def _told(self, asked: Relation) -> dict[tuple[str, str], tuple[int, Relation]]:
        """Pairs of which a person, or a model where no rule measures, says whether it holds: the sign, and what is said."""
        out: dict[tuple[str, str], tuple[int, Relation]] = {}
        for said in self._said:
            if (sign := _sign_said(said, asked)) is not None:
                out[said.subject, said.object] = (sign, said)
        return out

    def _verdict(self, r: Relation, asked: SpatialGraph, match: Mapping[str, str]) -> Relation:
        evidence = {k: v for k, v in r.evidence.items() if k not in REASONS}
        evidence |= {"asked": "false"} if r.verdict == "false" else {}
        r = replace(r, margin=0.0, threshold=0.0, origin="geometry", evidence=evidence)
        if r.verdict == "undecided":
            return _with(r, "undecided", "nothing is asked of it")
        if missing := [i for i in (r.subject, r.object) if i not in match]:
            names = " and ".join(asked[i].name or i for i in missing)
            words = absence(missing, asked, match, self.where, self.unsure)
            return _with(r, "undecided" if self.unsure else "false", f"{names} {words}")
        ends = match[r.subject], match[r.object]
        i, j = (self.places[end] for end in ends)
        verdict, judged = verdict_of(int(self.signs(r)[i, j])), self._judges.judged(r)
        if judged is not None:
            f = family_of(r.predicate)
            assert f is not None
            evidence |= {"assumed": self._assumed} if self._assumed and frame_of(r) != "image" else {}
            numbers = float(judged.margin[i, j]), float(f.thresholds[r.predicate])
            r = replace(r, margin=numbers[0], threshold=numbers[1], evidence=evidence)
        if told := self._told(r).get(ends):
            return replace(r, verdict=verdict, origin=told[1].origin, evidence=evidence | dict(told[1].evidence))
        if verdict != "undecided":
            return replace(r, verdict=verdict)
        hidden = [self.graph[end].name or end for end in ends if self._hidden[self.places[end]]]
        if hidden:
            return _with(r, "undecided", f"{' and '.join(hidden)} mostly hidden")
        if judged is None:
            return _with(r, "undecided", "no rule measures this predicate")
        if self._needs_depth(r) and not (self._measured[i] and self._measured[j]):
            return _with(r, "undecided", "no depth was measured there")
        if judged.wavers[i, j]:
            return _with(r, "undecided", self._wavering(r, ends))
        return _with(r, "undecided", f"the margin {r.margin:+.3f} lies within ±{r.threshold:.3f}")

    @cached_property
    def _assumed(self) -> list[str]:
        """What the 3D relations of the picture's graph rest on; empty where it does not say."""
        return next((list(e["assumed"]) for e in self.graph.table.evidence if e.get("assumed")), [])

    def _needs_depth(self, r: Relation) -> bool:
        f = family_of(r.predicate)
        return f is not None and (f.needs_depth or frame_of(r) != "image")

    def _wavering(self, r: Relation, ends: tuple[str, str]) -> str:
        """Which assumption decides, in the words the picture's graph has for it where it holds this very relation."""
        f = family_of(r.predicate)
        stored = self.graph.relation(*ends, f.name, frame_of(r)) if f else None
        words = stored.evidence.get("undecided_because") if stored and stored.predicate == r.predicate else None
        return str(words or "the verdict changes with what is assumed about depth or camera")


def _visible(o: SceneObject) -> float:
    """Share of a rendered object that stayed visible; 1 for others."""
    return o.score if o.origin == "render" else 1.0


def _with(r: Relation, verdict: Verdict, why: str) -> Relation:
    key = "undecided_because" if verdict == "undecided" else "because"
    return replace(r, verdict=verdict, evidence={**r.evidence, key: why})


def _sign_said(said: Relation, asked: Relation) -> int | None:
    """1 or -1 as a relation that was not measured decides the predicate of another, 0 left open; None where it is silent."""
    f, frame, predicate = family_of(asked.predicate), frame_of(asked), asked.predicate
    if f is not None and said.origin != "person":
        return None
    if f is None:
        same = said.family == asked.family and said.frame == frame
    elif frame in VIEWS:  # corrections are kept in the picture's and the camera's frame, and turn with the scene
        turned = turn_predicate(predicate, 4 - VIEWS[frame])
        predicate, f = turned or "", family_of(turned) if turned else None
        same = f is not None and said.family == f.name and said.frame in ("image", "camera")
    else:
        same = said.family == f.name and said.frame == frame
    if not same:
        return None
    if said.verdict == "undecided":
        return 0 if said.predicate == predicate else None
    decided = truth(said, predicate)
    return None if decided is None else 1 if decided else -1


def absence(missing: Sequence[str], asked: SpatialGraph, match: Mapping[str, str], where: str, unsure: str = "") -> str:
    """What to say of asked objects that have no match: "not in the picture", "not in the picture, only 13 found"."""
    words = "not found" if unsure else f"not in the {where}"
    names = {_plain(asked[i].name) for i in missing}
    found = sum(_plain(asked[i].name) in names for i in match)
    return ", ".join([words, *([f"only {found} found"] if found and len(names) == 1 else []), *([unsure] if unsure else [])])


def _unnamed(graph: SpatialGraph) -> str:
    """Why an object with no name may be one that is looked for; "" where all have names."""
    count = sum(not label_of(o.label) for o in graph.objects)
    if not count:
        return ""
    return (
        "and the picture's one region without a name may be it"
        if count == 1
        else (f"and one of the picture's {count} regions without a name may be it")
    )


# Names


def _alike(a: SceneObject, b: SceneObject) -> bool:
    """Whether two objects bear one label, in the singular or plural; none is one too."""
    return _plain(a.label) == _plain(b.label) or not set(forms(_plain(a.label))).isdisjoint(forms(_plain(b.label)))


def _plain(text: str) -> str:
    """A label for comparison: one line, lower case, no leading article."""
    return (label_of(text) or clean(text)).casefold()


def _names(o: SceneObject) -> set[str]:
    """What it may be called: its label, and its attributes and label, in all their forms; nothing when it has no label."""
    label = _plain(o.label)
    return {*forms(label), *forms(" ".join((*attributes_of(o), label)))} if label else set()


def _words(o: SceneObject) -> list[str]:
    return [word.casefold() for word in attributes_of(o)]


def _may_be(asked: SceneObject, shown: SceneObject) -> bool:
    """Whether one may stand for the other: a common name, and no attribute of one that the other excludes."""
    if not _names(asked) & _names(shown):
        return False
    return not any(b in excluded(a) or a in excluded(b) for a in _words(asked) for b in _words(shown))


def _agreement(asked: SceneObject, shown: SceneObject) -> int:
    """How many of the asked attributes are shown."""
    seen = {*_words(shown), *_plain(shown.label).split()}
    return sum(word in seen for word in _words(asked))
