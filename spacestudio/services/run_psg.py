"""Scene graphs in grounded text, asked of a vision-language model, scored, and held against the studio's measurements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import spacestudio
from spacestudio.domain.measurements import Measurements
from spacestudio.engines import DEPTH
from spacestudio.errors import Cancelled, InputError, SpaceStudioError
from spacestudio.formats.asv2 import Decoded, decode, encode, scene_text
from spacestudio.formats.ledger import Ledger, digest
from spacestudio.formats.pictures import read_picture
from spacestudio.formats.predictions import GraphQuestion, read_rows
from spacestudio.formats.records import frame_of, write_json
from spacestudio.relations.relate import Judged, family_of, judge, verdict_of
from spacestudio.relations.words import parse_phrase
from spacestudio.services.eye import Eye
from spacestudio.services.intake import PICTURES
from spacestudio.services.run import (
    REPORT,
    STAND_IN,
    Answer,
    Item,
    Progress,
    Row,
    Run,
    StandIn,
    Voice,
    ask,
    chosen,
    scored,
    voice_of,
)

PROMPT = """\
Write down what this picture shows, in a few plain sentences, as a scene graph with boxes.
- A thing: <ref>cup</ref><box>[[x1, y1, x2, y2]]</box>. Several things of one name may share a tag: [[…], […]].
- How things stand to each other: <pred>on</pred><box>[[the cup's box]]</box><box>[[the table's box]]</box>, the box of the \
thing that is spoken of first, then the box of what it is related to. Both boxes must stand after a <ref> too, with exactly \
the same numbers.
- Numbers are whole, from 0 to 999. Think of the picture as padded to a square, itself in the middle: x runs from 0 at the \
left edge of the square to 999 at the right, y from 0 at the top to 999 at the bottom; x1 < x2 and y1 < y2.
Example: A <ref>cup</ref><box>[[412, 305, 498, 420]]</box> is <pred>on</pred><box>[[412, 305, 498, 420]]</box>\
<box>[[100, 400, 930, 880]]</box> a <ref>table</ref><box>[[100, 400, 930, 880]]</box>.
Name every main thing once, and say every relation between them that you can see. Write that text and nothing else."""
"""The studio's own words for the published format (SEEDS 1.2)."""
COMPARED = "geometry.jsonl"
MOST_TOLD = 20
"""False relations that are printed; the report has all of them."""
MOST_THINGS = 200
"""Said boxes that are measured in one picture (ours)."""

Outcome = Literal["true", "false", "undecided", "can't judge"]
OUTCOMES: tuple[Outcome, ...] = ("true", "false", "undecided", "can't judge")


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        engine: vision-language engine, also with :MODEL; or a .jsonl file of answers; or "geometry" for the studio's own
            measurements.
        images: folder of pictures.
        questions: PSG questions with what is true; None to ask about every picture of the folder, unscored.
        samples: folder of sample folders made from the pictures; those without one are analysed.
        synonyms: words of one meaning, for scoring.
        depth: depth engine for pictures without a sample.
        limit: pictures taken at most, the first; None for all.
        seed: of the model's dice.
        compare: hold what is said against the studio's measurements.
    """

    engine: str
    images: Path
    questions: Path | None = None
    samples: Path | None = None
    synonyms: Path | None = None
    depth: str = "cues"
    limit: int | None = None
    seed: int = 0
    compare: bool = True


class Measured(StandIn):
    """Answers with the studio's own graph of the picture, in place of a model."""

    def __call__(self, item: Item) -> Answer:
        """The scene of the picture's sample in grounded text.

        Raises:
            ImageError, FormatError, Unavailable: see `Eye.sample`.
        """
        s = self._eye.sample(item.path)
        return Answer(encode(scene_text(s.graph), {o.id: o.box for o in s.objects}, s.width, s.height))


def run(options: Options, out: Path, tell: Progress = lambda line: None) -> tuple[Run, dict[str, Any]]:
    """Ask about every picture that has no answer yet, score, compare; the run, and what `<out>/report.json` holds.

    `<out>` gets answers.jsonl, questions.jsonl (those asked, where questions are given) and report.json, beside what a later
    run with the same options goes on from.

    Raises:
        InputError: no picture, questions that can't be read, or a folder of answers made with other options.
        UnknownName, Unavailable: the engine, or the depth engine, can't be asked.
    """
    DEPTH[options.depth]
    questions, notes = _questions(options)
    items = _items(options, questions)
    eye = Eye(options.samples, options.depth)
    voice: Voice = Measured(eye) if options.engine == STAND_IN else voice_of(options.engine, options.seed)
    told = {
        "run": "psg", "prompt": digest(PROMPT.encode()), "images": str(options.images.resolve()),
        "questions": digest(options.questions.read_bytes()) if options.questions else "",
        "samples": str(options.samples.resolve()) if options.samples and options.engine == STAND_IN else "",
    }  # fmt: skip
    made = ask(items, voice, told, out, tell)
    sizes = {q.question_id: (q.width, q.height) for q in questions}
    said, unread = _read(made.rows, items, sizes)
    made.failed += unread
    report = made.report("psg", voice, items, notes)
    report["format"] = _format(list(said.values()))
    report["score"] = _scored(questions, out, options) if options.questions else None
    geometry = _compared(said, items, sizes, eye, out, options, tell) if options.compare else None
    if geometry is not None:
        known = {item for item, _ in made.failed}
        made.failed += [(f["item"], f["error"]) for f in geometry["failed"] if f["item"] not in known]
        report["failed"] = [{"item": item, "error": error} for item, error in made.failed]
    report["geometry"] = geometry
    write_json(report, out / REPORT)
    return made, report


def _questions(options: Options) -> tuple[list[GraphQuestion], list[str]]:
    """The questions to ask, and what could not be read."""
    if options.questions is None:
        return [], []
    return chosen(read_rows(options.questions, GraphQuestion), options.limit)


def _items(options: Options, questions: Sequence[GraphQuestion]) -> list[Item]:
    if not options.images.is_dir():
        raise InputError(f"“{options.images}” is no folder", "a folder of pictures")
    if options.questions is not None:
        return [Item(q.question_id, q.image, options.images, PROMPT) for q in questions]
    found = sorted(p for p in options.images.iterdir() if p.suffix.lower() in PICTURES)[: options.limit]
    if not found:
        raise InputError(f"No picture in {options.images}", ", ".join(sorted(PICTURES)))
    return [Item(p.name, p.name, options.images, PROMPT) for p in found]


def _read(
    rows: Sequence[Row], items: Sequence[Item], sizes: Mapping[str, tuple[int, int]]
) -> tuple[dict[str, Decoded], list[tuple[str, str]]]:
    """What each answer says, in px of the question's picture or the picture itself; (item, why) where that can't be read."""
    by_id, said, failed = {item.id: item for item in items}, dict[str, Decoded](), list[tuple[str, str]]()
    for row in rows:
        own = row["question_id"]
        if row["text"]:
            try:
                height, width = sizes[own][::-1] if own in sizes else read_picture(by_id[own].path).rgb.shape[:2]
            except SpaceStudioError as error:
                failed.append((own, str(error)))
            else:
                said[own] = decode(row["text"], width, height)
    return said, failed


def _format(said: Sequence[Decoded]) -> dict[str, Any]:
    """How well the answers keep to the format."""
    tuples = sum(len(d.tuples) for d in said)
    return {
        "answers": len(said),
        "well_formed": sum(d.well_formed for d in said),
        "without_a_tuple": sum(not d.tuples for d in said),
        "tuples": tuples,
        "tuples_per_answer": round(tuples / len(said), 4) if said else None,
        "problems": dict(sorted(Counter(p.kind for d in said for p in d.problems).items())),
    }


def _scored(questions: Sequence[GraphQuestion], out: Path, options: Options) -> dict[str, Any]:
    """The score of what was asked, by both definitions."""
    also = {"synonyms": options.synonyms} if options.synonyms else {}
    return {
        name: scored("psg", questions, out, also, {"as_published": as_published})
        for name, as_published in (("corrected", False), ("as_published", True))
    }


def _compared(
    said: Mapping[str, Decoded],
    items: Sequence[Item],
    sizes: Mapping[str, tuple[int, int]],
    eye: Eye,
    out: Path,
    options: Options,
    tell: Progress,
) -> dict[str, Any]:
    """What geometry finds of each relation that was said; looked at again only where answer or measuring changed."""
    by_id = {item.id: item for item in items}
    basis = f"{eye.depth} {eye.masks} {options.samples.resolve() if options.samples else ''}"
    rows: list[Row] = []
    failed: list[dict[str, str]] = []
    with Ledger(out / COMPARED, {"studio": spacestudio.__version__}) as ledger:
        for k, (own, decoded) in enumerate(said.items(), 1):
            rests_on = digest(f"{basis} {decoded.tuples}".encode())
            if own not in ledger or ledger[own]["rests_on"] != rests_on:
                tell(f"{k}/{len(said)} measuring what was said of {by_id[own].image}")
                try:
                    ledger.add(
                        own, {"rests_on": rests_on, "relations": judged(decoded, by_id[own].path, eye, sizes.get(own))}
                    )
                except Cancelled:
                    raise
                except SpaceStudioError as error:
                    failed.append({"item": own, "error": str(error)})
                    continue
            relations = ledger[own]["relations"]
            rows.append({"question_id": own, "image": by_id[own].image, **_counts(relations), "relations": relations})
    every = [r for row in rows for r in row["relations"]]
    groups: dict[str, list[Row]] = {}
    for r in every:
        groups.setdefault(r["predicate"], []).append(r)
    by_predicate = {predicate: _counts(groups[predicate]) for predicate in sorted(groups)}
    return {**_counts(every), "depth": eye.depth, "by_predicate": by_predicate, "failed": failed, "images": rows}


def _counts(relations: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    found = Counter(r["verdict"] for r in relations)
    return {outcome: found[outcome] for outcome in OUTCOMES}


def judged(said: Decoded, picture: Path, eye: Eye, size: tuple[int, int] | None = None) -> list[Row]:
    """Each relation of an answer with geometry's verdict: {subject, predicate, object, verdict}, names as said.

    The said boxes are measured in the picture themselves, so names need not match anything. A predicate in words that no
    family knows, and a box without an area inside the picture, can't be judged.

    Args:
        said: in px of the picture.
        picture: where it is.
        eye: measures.
        size: width and height px that the picture must have for the boxes to fit.

    Raises:
        InputError: the picture has another size, or can't be read.
        Unavailable: the depth engine can't run here.
    """
    if not said.graph.relations:
        return []
    height, width = eye.see(picture)[0].shape[:2]
    if size is not None and size != (width, height):
        raise InputError(f"{picture.name} has {width} x {height} px, its question says {size[0]} x {size[1]}")
    inside = {o.id: o.box.clipped(width, height) for o in said.graph.objects}
    related = {end for r in said.graph for end in (r.subject, r.object)}
    seen = [o for o in said.graph.objects if o.id in related and inside[o.id].area >= 1][:MOST_THINGS]
    _, variants = eye.measured(picture, [(o.label, inside[o.id]) for o in seen])
    place = {o.id: k for k, o in enumerate(seen)}
    known: dict[str, dict[str, Judged]] = {}
    rows = []
    for r in said.graph:
        ends = place.get(r.subject), place.get(r.object)
        verdict = _verdict(r.predicate, ends, variants, known)
        names = said.graph[r.subject].label, said.graph[r.object].label
        rows.append({"subject": names[0], "predicate": r.predicate, "object": names[1], "verdict": verdict})
    return rows


def _verdict(
    predicate: str,
    ends: tuple[int | None, int | None],
    variants: tuple[Measurements, ...],
    known: dict[str, dict[str, Judged]],
) -> Outcome:
    """True when every part of a phrase is, false when one part is; `known` holds the families judged so far."""
    families = {part: family_of(part) for part in parse_phrase(predicate)}
    one, other = ends
    if one is None or other is None or not families:
        return "can't judge"
    signs = []
    for part, f in families.items():
        if f is None or (f.needs_depth and not variants[0].has_depth):
            return "can't judge"
        if f.name not in known:
            known[f.name] = judge(f, variants, frame_of(f.name))
        signs.append(int(known[f.name][part].sign[one, other]))
    return verdict_of(min(signs))


def lines(report: Mapping[str, Any]) -> list[str]:
    """A report to be read."""
    form, geometry, score = report["format"], report["geometry"], report["score"]
    out = [
        f"{report['answered']} of {report['items']} pictures answered, {form['well_formed']} well formed, "
        f"{form['tuples']} relations",
        *report["notes"],
    ]
    for name, found in (score or {}).items():
        told = [f"{k.replace('_', ' ')} {found[k]:.2f} %" for k in ("recall", "mean_recall") if found.get(k) is not None]
        out.append(f"{name.replace('_', ' ')}: {found.get('error') or ', '.join(told)}")
    if geometry:
        out.append("by geometry: " + ", ".join(f"{geometry[outcome]} {outcome}" for outcome in OUTCOMES))
        wrong = [(row, r) for row in geometry["images"] for r in row["relations"] if r["verdict"] == "false"]
        out += [f"  {row['image']}: not so: {r['subject']} {r['predicate']} {r['object']}" for row, r in wrong[:MOST_TOLD]]
        out += [f"  and {len(wrong) - MOST_TOLD} more, in {REPORT}"] if len(wrong) > MOST_TOLD else []
    return out
