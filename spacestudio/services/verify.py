"""Does this picture, or this layout, show what was asked; do these questions hold? A verdict with numbers for each.

"true" is verified, "false" is failed, "undecided" is what margins, assumptions or a hidden object leave open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spacestudio.domain.graph import Relation, SpatialGraph, Verdict
from spacestudio.domain.layout import Layout
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import Sample
from spacestudio.layouts.extract import drawn, measurements
from spacestudio.qa.check import asked_of, check, objects_of
from spacestudio.qa.depth_order import order_of
from spacestudio.qa.known import finite, known
from spacestudio.qa.position import cell_of
from spacestudio.qa.scene import Scene
from spacestudio.relations.naming import label_of
from spacestudio.relations.relate import VIEWS, family_of, seen_from
from spacestudio.relations.words import read
from spacestudio.services.arrange import unique_names
from spacestudio.services.scene import scene_of_sample
from spacestudio.services.shown import Shown, absence

OUTCOMES: Mapping[Verdict, str] = {"true": "verified", "false": "failed", "undecided": "undecided"}

Counts = dict[str, int]
"""verified, failed, undecided: how many."""


@dataclass(frozen=True, eq=False)
class Verification:
    """What was asked, held against a picture or a layout.

    Attributes:
        asked: the graph.
        relations: its relations in order, each with its verdict here, margin and threshold. A relation asked to be false is
            verified where its rule says false; its evidence then says `asked`: "false".
        match: asked object id -> id of the object that stands for it here; what is missing here has none.
        unwanted: name that must not appear -> ids of the objects here that bear it.
        unsure: why what is not found may be here all the same, so that it is undecided; "" when it is surely missing.
    """

    asked: SpatialGraph
    relations: tuple[Relation, ...]
    match: Mapping[str, str]
    unwanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unsure: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of the asked objects that are not found here."""
        return tuple(i for i in self.asked.ids if i not in self.match)

    @property
    def counts(self) -> Counts:
        """Relations by outcome. Failed are also each unwanted name that appears, and missing objects no relation names.

        The latter are undecided where nothing says that they are surely missing.
        """
        out = count(r.verdict for r in self.relations)
        related = {end for r in self.relations for end in (r.subject, r.object)}
        out["failed"] += len(self.unwanted)
        out["undecided" if self.unsure else "failed"] += sum(i not in related for i in self.missing)
        return out

    @property
    def holds(self) -> bool:
        """Whether nothing failed; some of it may be undecided."""
        return self.counts["failed"] == 0


@dataclass(frozen=True, eq=False)
class Questioned:
    """A question with its verdict in its sample's own graph, and one sentence why."""

    pair: QAPair
    verdict: Verdict
    why: str


@dataclass(frozen=True, eq=False)
class Verified:
    """One picture or sample, with all that was asked of it.

    Attributes:
        item: what it is called.
        graph_index: which graph of a file it was held against; None for its own target.
        picture: None when nothing was asked of the picture.
        layout: None without one.
        questions: None where only a picture was looked at.
        warnings: what was lost or assumed on the way, a line each.
    """

    item: str
    graph_index: int | None
    picture: Verification | None
    layout: Verification | None = None
    questions: tuple[Questioned, ...] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        parts = [part for part in (self.picture, self.layout) if part is not None]
        return all(part.holds for part in parts) and not any(q.verdict == "false" for q in self.questions or ())

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        nothing: dict[str, Any] = count(()) | {"missing": [], "unwanted": [], "match": {}, "relations": []}
        return {
            "item": self.item,
            "graph_index": self.graph_index,
            **(to_json(self.picture) if self.picture is not None else nothing),
            "layout": to_json(self.layout) if self.layout is not None else None,
            "questions": None if self.questions is None else _questions_json(self.questions),
            "warnings": list(self.warnings),
        }

    def lines(self) -> list[str]:
        """The same to read: a heading, a line for each relation, and the questions that are not verified."""
        against = "its own target" if self.graph_index is None else f"graph {self.graph_index}"
        out = [f"{self.item}: nothing is asked of the picture"]
        if self.picture is not None:
            out = [f"{self.item} against {against}: {_told_counts(self.picture.counts)}", *_lines(self.picture, "picture")]
        if self.layout is not None:
            out += [f"{self.item}, its layout: {_told_counts(self.layout.counts)}", *_lines(self.layout, "layout")]
        if self.questions is not None:
            out.append(f"{self.item}, its questions: {_told_counts(count(q.verdict for q in self.questions))}")
            out += [
                f"{_mark(q.verdict)}{q.pair.question} – {q.pair.answer}: {q.why}"
                for q in self.questions
                if q.verdict != "true"
            ]
        return out


def count(verdicts: Iterable[Verdict]) -> Counts:
    """How many verdicts of each outcome."""
    out = dict.fromkeys(OUTCOMES.values(), 0)
    for verdict in verdicts:
        out[OUTCOMES[verdict]] += 1
    return out


def match(
    asked: SpatialGraph, shown: SpatialGraph, variants: tuple[Measurements, ...], by_id: bool = True
) -> Mapping[str, str]:
    """Asked object id -> id of the shown object that stands for it; no shown object stands for two.

    An id that both have, with the same label, stands for itself. Else labels (or whole names) must be equal, and no
    attribute may contradict: a white cat is no black cat, a cat of no known colour may be one. Of all ways to assign, the
    one is taken that finds most objects, then shows most asked attributes, verifies most relations, fails fewest, has the
    surest detections, and comes first in the order of objects (ours). Exact for few objects, bounded beyond: see `assign`.

    Args:
        asked: what a picture should show.
        shown: the picture's own graph.
        variants: its measurements, under the stated assumption first.
        by_id: False where the two give out ids on their own, so that equal ids mean nothing (a graph from a file).
    """
    return Shown(shown, variants).match(asked, by_id)


def verify(
    asked: SpatialGraph,
    shown: SpatialGraph,
    variants: tuple[Measurements, ...],
    match: Mapping[str, str] | None = None,
    unsure: str = "",
) -> tuple[Relation, ...]:
    """Each relation of `asked` with its verdict in the picture whose graph and measurements are given."""
    return verify_picture(asked, shown, variants, match, unsure=unsure).relations


def verify_picture(
    asked: SpatialGraph,
    shown: SpatialGraph,
    variants: tuple[Measurements, ...],
    match: Mapping[str, str] | None = None,
    by_id: bool = True,
    unsure: str = "",
) -> Verification:
    """The asked graph against a picture.

    A missing object makes its relations false, undecided where it may be there all the same. Undecided is also what concerns
    an object visible by less than 40 %, what no rule measures, what lies within the margin, and what would be another
    verdict under another assumption. A person's correction of the picture's graph counts as the picture. What the
    picture shows besides does not matter, unless it must not appear.

    Args:
        asked: what a picture should show.
        shown: the picture's own graph.
        variants: its measurements, under the stated assumption first.
        match: asked id -> shown id; found by `match` when None.
        by_id: as in `match`.
        unsure: why an object that is not found may be there all the same (nothing was looked for); unnamed objects are such
            a reason too.

    Raises:
        ValueError: one shown object stands for two.
    """
    picture = Shown(shown, variants, unsure=unsure)
    return _verification(asked, picture, picture.match(asked, by_id) if match is None else match)


def verify_layout(asked: SpatialGraph, layout: Layout) -> Verification:
    """The asked graph against a layout's own boxes and distances, by the studio's rules; objects are matched by id.

    An object of the layout that is not asked, and has no name either, is called by its id.
    """
    shown = SpatialGraph.of(drawn(layout, asked.objects))
    return _verification(asked, Shown(shown, (measurements(layout),), "layout"), {i: i for i in asked.ids})


def _verification(asked: SpatialGraph, shown: Shown, match: Mapping[str, str]) -> Verification:
    match = {i: match[i] for i in asked.ids if match.get(i) in shown.places}
    if len(set(match.values())) < len(match):
        raise ValueError(f"A match wants another shown object for each asked one, got {match}")
    return Verification(asked, shown.verdicts(asked, match), match, shown.unwanted(asked), shown.unsure)


def verify_sample(
    sample: Sample,
    item: str,
    asked: SpatialGraph | None = None,
    graph_index: int | None = None,
    warnings: Sequence[str] = (),
) -> Verified:
    """A measured sample's picture against a graph (its own target when None), its layout against its target, its questions.

    Objects of the sample's own target are known by their ids, those of another graph only by what they are called.
    """
    goal, picture = sample.target if asked is None else asked, None
    if goal is not None:
        own = asked is None
        picture = verify_picture(
            goal, sample.graph, sample.variants, by_id=own, unsure="" if own else not_looked_for(sample)
        )
        warnings = (*warnings, *left_open(picture))
    layout = None
    if sample.layout is not None and sample.target is not None:
        layout = verify_layout(sample.target, sample.layout)
    return Verified(item, graph_index, picture, layout, verify_questions(sample), tuple(warnings))


NAMELESS = ("none", "proposals")
"""Object engines that name nothing."""


def not_looked_for(sample: Sample) -> str:
    """Why an object that is not in the sample's own graph may be in its picture; "" when it was looked for."""
    engine = next((run.engine for run in reversed(sample.provenance) if run.stage == "objects"), "")
    return blind(engine, sample.graph)


def blind(engine: str, shown: SpatialGraph) -> str:
    """Why an object that an object engine did not find may be in its picture all the same; "" for no reason."""
    if engine in NAMELESS and not any(label_of(o.label) for o in shown.objects):
        return f"and the object engine “{engine}” names nothing"
    return ""


def left_open(found: Verification) -> tuple[str, ...]:
    """A line on what must not appear and can't be ruled out."""
    names = [name for name in found.asked.negative_objects if name not in found.unwanted]
    if not found.unsure or not names:
        return ()
    return (f"Not ruled out: {', '.join(names)} must not appear, {found.unsure}.",)


def verify_questions(sample: Sample) -> tuple[Questioned, ...]:
    """Each question of a sample against the sample's own graph.

    Undecided is what can't be checked: a person's question that names no relation, and what the graph leaves open.
    """
    if not sample.views and sample.variants:  # a folder does not hold them
        seen = {str(view): seen_from(view, sample.objects, sample.variants, sample.graph) for view in VIEWS}
        sample = sample.but(views=seen)
    scene = scene_of_sample(sample)
    return tuple(_questioned(pair, scene) for pair in sample.qa)


CHECKED = ("existence", "count", "attribute", "position", "relation", "viewpoint", "nearer", "depth_order")
"""Question families that `qa.check` can check."""


def _questioned(pair: QAPair, scene: Scene) -> Questioned:
    asked = asked_of(pair)
    if asked is None or asked.family not in CHECKED:
        return Questioned(pair, "undecided", "It names no relation that could be checked.")
    wrong = check(pair, scene)
    if wrong is None:
        return Questioned(pair, "true", "The graph says so.")
    return Questioned(pair, "undecided" if _open(pair, scene) else "false", wrong)


def _open(pair: QAPair, scene: Scene) -> bool:
    """Whether the graph leaves open what a question asks about objects it has."""
    asked, k = asked_of(pair), known(scene)
    if asked is None or not set(objects_of(pair)) <= set(k.objects):
        return False
    if asked.family == "depth_order":
        return not order_of(k, asked.subject.split("+"))
    if asked.family == "position":
        return cell_of(k.objects[asked.subject], scene) is None
    if asked.family not in ("relation", "viewpoint", "nearer"):
        return False
    f = family_of(asked.predicate)
    name = "depth" if asked.family == "nearer" else f.name if f else asked.predicate
    return k.decided(asked.subject, asked.object, name, asked.frame) is None


# To read, and for scripts

SIGNS: Mapping[Verdict, str] = {"true": "✓", "false": "✗", "undecided": "?"}


def why(r: Relation) -> str:
    """The reason of a verdict with its numbers: "margin +0.231, needs 0.050"."""
    needs = f"{-r.threshold:+.3f} or less" if r.evidence.get("asked") == "false" else f"{r.threshold:.3f}"
    numbers = f"margin {r.margin:+.3f}, needs {needs}" if r.threshold else ""
    if numbers and (assumed := r.evidence.get("assumed")):
        numbers += f"; assumed: {', '.join(assumed)}"
    said = {"person": "a person says so", "model": "a model says so"}.get(r.origin, "")
    reason = r.evidence.get("because") or r.evidence.get("undecided_because") or said
    return f"{said}; {numbers}" if said and numbers else str(reason or numbers)


def to_json(v: Verification) -> dict[str, Any]:
    """Counts, what is missing or unwanted, who stands for whom, and each relation; JSON values."""
    gone = set(v.missing)
    return {
        **v.counts,
        "missing": list(v.missing),
        "unwanted": [{"name": name, "objects": list(ids)} for name, ids in v.unwanted.items()],
        "match": dict(v.match),
        "relations": [
            {
                "subject": r.subject,
                "predicate": r.predicate,
                "object": r.object,
                "verdict": OUTCOMES[r.verdict],
                "margin": None if gone & {r.subject, r.object} else finite(r.margin),
                "threshold": None if gone & {r.subject, r.object} else finite(r.threshold),
                "frame": r.frame,
                "why": why(r),
            }
            for r in v.relations
        ],
    }


def _questions_json(questions: Sequence[Questioned]) -> dict[str, Any]:
    rows = [
        {
            "key": q.pair.key,
            "question": q.pair.question,
            "answer": q.pair.answer,
            "verdict": OUTCOMES[q.verdict],
            "why": q.why,
        }
        for q in questions
    ]
    return {**count(q.verdict for q in questions), "questions": rows}


def _lines(v: Verification, where: str) -> list[str]:
    names = unique_names(v.asked)
    out = []
    for r in v.relations:
        negated = "not " if r.evidence.get("asked") == "false" else ""
        words = f"{names[r.subject]} {negated}{read(r.predicate)} {names[r.object]}"
        out.append(f"{_mark(r.verdict)}{words} ({r.frame}): {why(r)}")
    related = {end for r in v.relations for end in (r.subject, r.object)}
    mark = _mark("undecided" if v.unsure else "false")
    gone = {i: absence([i], v.asked, v.match, where, v.unsure) for i in v.missing if i not in related}
    out += [f"{mark}{names[i]}: {words}" for i, words in gone.items()]
    out += [f"{_mark('false')}no {name}: in the {where} ({', '.join(ids)})" for name, ids in v.unwanted.items()]
    return out


def outcome(verdict: Verdict) -> str:
    """ "✓ verified", "✗ failed" or "? undecided"."""
    return f"{SIGNS[verdict]} {OUTCOMES[verdict]}"


def _mark(verdict: Verdict) -> str:
    return f"{outcome(verdict):11} "


def _told_counts(counts: Counts) -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
