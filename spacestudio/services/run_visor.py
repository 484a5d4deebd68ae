"""Prompts -> pictures -> what is found in them -> VISOR; kept picture by picture, so that a run goes on where it stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spacestudio
from spacestudio.domain.boxes import Box
from spacestudio.domain.captions import NAMED, Tally
from spacestudio.domain.dice import number
from spacestudio.domain.events import Wants
from spacestudio.domain.found import FoundBoxes
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.domain.prompts import Prompt
from spacestudio.engines import DETECT, IMAGINE
from spacestudio.engines.protocols import Detector
from spacestudio.errors import Cancelled, InputError, SpaceStudioError, Unavailable
from spacestudio.formats.ledger import Ledger, Row
from spacestudio.formats.pictures import png_bytes, read_picture
from spacestudio.formats.prompts import read_prompts, write_prompts
from spacestudio.formats.records import RelationRecord, clean, write_json
from spacestudio.formats.visor import FoundPicture, picture_of, read_detections, write_detections, write_results
from spacestudio.metrics.report import Report
from spacestudio.metrics.visor import PER_PROMPT, THRESHOLD, from_boxes
from spacestudio.relations.rules import RULE_SETS
from spacestudio.services.arrange import plan
from spacestudio.services.imagine import CANVAS, render
from spacestudio.services.intake import PICTURES
from spacestudio.services.prompts import PUBLISHED_NAME, sr2d
from spacestudio.services.run import LEDGER, REPORT, Progress
from spacestudio.services.scores.visor import SCORER

log = logging.getLogger(__name__)
OWN = "own-masks"
"""As the detector: what the picture's engine says it drew, by the pixels that stayed visible; nothing was detected."""
TOLD = 100
"""Lines told of the pictures of a run, about."""
Item = tuple[str, Prompt, int]
"""A picture's name, its prompt, and which of its pictures it is."""
DETECTOR = "visor"
"""Looks at pictures whose engine can't know what it drew: OWL-ViT as published."""


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        engine: image engine, also with :WEIGHTS.
        objects: object engine that looks for names, also with :WEIGHTS; "" for OWN where the image engine is built in and
            so knows what it drew, else DETECTOR.
        images: folder of pictures called <id>_<k> to look at instead of drawing any; None to draw.
        per_prompt: pictures drawn for each prompt.
        limit: prompts taken at most, the first; None for all.
        seed: of the run; each picture has its own from it.
        rules: rule set that judges.
    """

    engine: str = "compositor"
    objects: str = ""
    images: Path | None = None
    per_prompt: int = PER_PROMPT
    limit: int | None = None
    seed: int = 0
    rules: str = "visor"


@dataclass(frozen=True, eq=False)
class Ran:
    """What a run did.

    Attributes:
        report: its score.
        model, detector: who drew, and who looked.
        files: what was written: name -> path.
        failed: (picture, why) of each that failed.
        resumed: pictures that an earlier run had made.
        left: pictures that were not tried, since an engine stopped working; `stopped` says why.
    """

    report: Report
    model: str
    detector: str
    files: Mapping[str, Path]
    failed: Sequence[tuple[str, str]]
    resumed: int
    left: int = 0
    stopped: str = ""

    def to_json(self) -> dict[str, Any]:
        """The score as `score visor --json` prints it, then who made it, and what failed."""
        return {
            **SCORER.json(self.report),
            "model": self.model,
            "detector": self.detector,
            "files": {name: str(path) for name, path in self.files.items()},
            "resumed": self.resumed,
            "stopped": self.stopped,
            "n_left": self.left,
            "failed": [{"item": item, "error": error} for item, error in self.failed],
        }


def run(prompts_file: Path | None, options: Options, out: Path, tell: Progress = lambda line: None) -> Ran:
    """Draw, look, keep, score.

    Args:
        prompts_file: as SR2D writes them; None for SR2D itself.
        options: what to run.
        out: folder of the run; one that was begun with the same options goes on.
        tell: hears how far it is.

    Raises:
        InputError: nothing can be drawn or looked at, or `out` was begun with other options.
        Unavailable: an engine can't run here; one that stops later ends the run with what there is.
    """
    prompts, bad = read_prompts(prompts_file) if prompts_file else (sr2d(), ())
    for item, why in bad:
        tell(f"warning {item}: {why}, left out")
    asked = list(islice((p for p in prompts if p.spatial), options.limit))
    maker: _Drawn | _Given = _Drawn(options) if options.images is None else _Given(options)
    items = list(maker.items(asked))
    if passed := maker.passed_over(prompts):
        tell(passed)
    if not items:
        raise InputError(
            "There is no picture to make or look at", "prompts that ask for a relation, pictures called <id>_<k>"
        )
    with Ledger(out / LEDGER, {**maker.settings, "studio": spacestudio.__version__}) as ledger:
        todo = [item for item in items if not _done(ledger, item)]
        tell(f"{len(items):,} pictures, {len(items) - len(todo):,} of them kept from before")
        failed, stopped, left = _work(maker, todo, ledger, out, tell)
        found = [_found(ledger[item[0]], item) for item in items if _done(ledger, item)]
    if not found and stopped:
        raise Unavailable(stopped)
    if not found:
        raise InputError(f"None of the {len(items):,} pictures could be used; the first: {': '.join(failed[0])}")
    if options.images is not None and prompts_file is None:  # a few of SR2D's, of which nothing is missing
        asked = list({prompt.id: prompt for _, prompt, _ in items}.values())
    dataset = prompts_file.stem if prompts_file else PUBLISHED_NAME
    report, files = _scored(found, asked, options, maker, out, dataset)
    return Ran(report, maker.model, maker.detector, files, failed, len(items) - len(todo), left, stopped)


def _work(
    maker: _Drawn | _Given, items: Sequence[Item], ledger: Ledger, out: Path, tell: Progress
) -> tuple[list[tuple[str, str]], str, int]:
    """Each picture to the ledger; which failed and why, why the work stopped early, and how many it left then."""
    failed: list[tuple[str, str]] = []
    for place, (key, prompt, which) in enumerate(items):
        if place % max(1, len(items) // TOLD) == 0:
            tell(f"{place + 1}/{len(items)} {key} {prompt.text}")
        try:
            ledger.add(key, {"text": prompt.text} | maker.row(prompt, which, out))
        except Cancelled:
            raise
        except Unavailable as error:
            return failed, str(error), len(items) - place
        except SpaceStudioError as error:
            failed.append((key, str(error)))
        except Exception as error:  # a defect of ours must not take the other pictures with it
            log.exception("%s failed unexpectedly", key)
            failed.append((key, f"Unexpected {type(error).__name__}: {error}. Please report it."))
    return failed, "", 0


def _done(ledger: Ledger, item: Item) -> bool:
    return item[0] in ledger and ledger[item[0]].get("text") == item[1].text


class _Drawn:
    """Pictures drawn here."""

    def __init__(self, options: Options) -> None:
        self.model, self.options = options.engine, options
        _can_run(IMAGINE, options.engine)
        chosen = options.objects or (OWN if IMAGINE[options.engine].built_in else DETECTOR)
        self.looker = None if chosen == OWN else _Looker(chosen)
        self.detector = chosen
        self.settings = {"engine": options.engine, "objects": chosen, "seed": options.seed}
        self.notes: tuple[str, ...] = ("The engine was given a layout made from each prompt, not the text alone.",)
        if chosen == OWN:
            self.notes += (
                "What was found is what the engine says it drew, where enough of it stayed visible: no detector looked.",
            )

    def items(self, asked: Sequence[Prompt]) -> Iterator[Item]:
        return ((f"{p.id}_{k}", p, k) for p in asked for k in range(self.options.per_prompt))

    def passed_over(self, prompts: Sequence[Prompt]) -> str:
        """What is not drawn, "" for nothing."""
        rest = sum(not p.spatial for p in prompts) if self.options.limit is None else 0
        return f"{rest:,} prompts that ask for no relation are not drawn" if rest else ""

    def row(self, prompt: Prompt, which: int, out: Path) -> dict[str, Any]:
        """Draw a picture, keep it, and say what is in it."""
        seed = number(self.options.seed, str(prompt.id), str(which)) % 2**31
        graph = graph_of(prompt)
        layout = plan(graph, None, Wants(prompt={"prompt": prompt.text}), CANVAS, seed)
        rendered, made = render(layout, None, self.options.engine, seed)
        if self.looker is not None:
            found = self.looker.found(rendered.image, prompt)
        elif rendered.known:
            found = [(graph[o.id].label, o.box, rendered.visible.get(o.id, 1.0)) for o in rendered.objects]
            found = [(label, box, share) for label, box, share in found if share > THRESHOLD]
        else:
            raise InputError(f"“{made.engine}” does not know what it drew", f"--objects {DETECTOR} or another detector")
        file = out / "images" / f"{prompt.id}_{which}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png_bytes(rendered.image))
        engine = {"name": made.engine, "version": made.version, "settings": dict(made.settings)}
        boxes = {i: clean(box.xyxy, 2) for i, box in layout.boxes.items()}
        return _row(f"images/{file.name}", rendered.image, found) | {"seed": seed, "layout": boxes, "engine": engine}


class _Given:
    """Pictures that lie in a folder."""

    def __init__(self, options: Options) -> None:
        assert options.images is not None
        if not options.images.is_dir():
            raise InputError(f"“{options.images}” is no folder", "a folder of pictures called <id>_<k>.png")
        self.folder, self.model = options.images, options.images.name
        self.detector = options.objects or DETECTOR
        if self.detector == OWN:
            raise InputError(f"Pictures from a folder have no {OWN}", looking_for_names())
        self.looker = _Looker(self.detector)
        self.settings = {"images": str(self.folder.resolve()), "objects": self.detector}
        self.notes: tuple[str, ...] = ()
        paths = sorted(path for path in options.images.iterdir() if path.suffix.lower() in PICTURES)
        self.paths, self.files = paths, {picture: path for path in paths if (picture := picture_of(path.name))}

    def items(self, asked: Sequence[Prompt]) -> Iterator[Item]:
        known = {p.id: p for p in asked}
        return ((f"{i}_{k}", known[i], k) for i, k in sorted(self.files) if i in known)

    def passed_over(self, prompts: Sequence[Prompt]) -> str:
        """What is not looked at, "" for nothing."""
        known = {p.id for p in prompts if p.spatial}
        rest = [path.name for path in self.paths if (picture_of(path.name) or (-1,))[0] not in known]
        told = Tally("passed", "pictures of no prompt that asks for a relation", len(rest), tuple(rest[:NAMED]))
        return told.line if rest else ""

    def row(self, prompt: Prompt, which: int, out: Path) -> dict[str, Any]:
        """Look at a picture, and say what is in it."""
        path = self.files[prompt.id, which]
        image = read_picture(path).rgb
        return _row(Path(os.path.relpath(path, out)).as_posix(), image, self.looker.found(image, prompt))


class _Looker:
    """A detector, asked for a prompt's two objects."""

    def __init__(self, name: str) -> None:
        _can_run(DETECT, name)
        self.detector: Detector = DETECT.make(name)
        if not self.detector.uses_labels:
            raise InputError(f"“{name}” does not look for names", looking_for_names())

    def found(self, image: NDArray[np.uint8], prompt: Prompt) -> list[tuple[str, Box, float]]:
        made = self.detector.detect(image, None, tuple(dict.fromkeys((prompt.first, prompt.second))))
        return [(d.label, d.box, d.score) for d in made]


def looking_for_names() -> str:
    """The detectors that look for names and whose packages are here."""
    found = [name for name, entry in DETECT.items() if not entry.missing() and DETECT.load(name).uses_labels]
    return ", ".join(found) or "a detector that looks for names"


def _can_run(registry: Any, name: str) -> None:
    if why := registry.why_not(name):
        raise Unavailable(f"The {registry.kind} “{name}” can't run here", next_step=why)


def graph_of(prompt: Prompt) -> SpatialGraph:
    """The graph a prompt asks for: its two objects and the relation between them."""
    ids: list[str] = []
    for name in (prompt.first, prompt.second):
        ids.append(fresh_id(name, set(ids)))
    labels = zip(ids, (prompt.first, prompt.second), strict=True)
    objects = [SceneObject(i, label, Box(0, 0, 0, 0)) for i, label in labels]
    return SpatialGraph.of(objects, RelationRecord(predicate=prompt.relation).between(*ids))


def _row(file: str, image: NDArray[np.uint8], found: Sequence[tuple[str, Box, float]]) -> dict[str, Any]:
    boxes = [[label, clean(box.xyxy, 3), clean(score)] for label, box, score in found]
    return {"file": file, "width": image.shape[1], "height": image.shape[0], "found": boxes}


def _found(row: Row, item: Item) -> FoundPicture:
    boxes = tuple((label, Box(*xyxy), score) for label, xyxy, score in row["found"])
    return FoundPicture(item[1], item[2], row["file"], row["width"], row["height"], boxes)


def _scored(
    pictures: Sequence[FoundPicture],
    prompts: Sequence[Prompt],
    options: Options,
    maker: _Drawn | _Given,
    out: Path,
    dataset: str,
) -> tuple[Report, dict[str, Path]]:
    """The score of what was found, and the files with it."""
    threshold = THRESHOLD if maker.looker is None else float(maker.looker.detector.settings["threshold"])
    name = "_".join(("results", _plain(maker.model), _plain(dataset, "_"), _plain(maker.detector), f"{threshold:g}"))
    files = {"prompts": out / "prompts.json", "detections": out / "detections.json", "results": out / f"{name}.json"}
    write_prompts(prompts, files["prompts"])
    write_detections(pictures, files["detections"])
    boxes = read_detections(files["detections"])
    assert isinstance(boxes, FoundBoxes)
    judged = from_boxes(prompts, boxes, RULE_SETS.load(options.rules), threshold=threshold)
    stand = judged.pictures.asked[judged.pictures.right], judged.pictures.number[judged.pictures.right]
    right = {(judged.prompts[i].id, k) for i, k in zip(*(column.tolist() for column in stand), strict=True)}
    write_results(pictures, [(p.prompt.id, p.number) in right for p in pictures], files["results"])
    settings = {c.name: c.default for c in SCORER.choices}
    settings |= {"threshold": threshold, "rules": options.rules, "per_prompt": options.per_prompt}
    report = SCORER.score({name: files[name] for name in ("detections", "prompts")}, settings)
    report = replace(
        report, notes=(f"Pictures by “{maker.model}”, looked at by “{maker.detector}”.", *maker.notes, *report.notes)
    )
    files["report"] = write_json(SCORER.json(report), out / REPORT)
    return report, files


def _plain(name: str, also: str = "") -> str:
    return "".join(c if (c.isascii() and c.isalnum()) or c in also else "-" for c in name.rpartition("/")[2])
