"""Many pictures or scenes, without a screen: each becomes a sample folder; a failed one never takes the others with it."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import spacestudio
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.engines import DEPTH, DETECT, IMAGINE, LANGUAGE, SEGMENT
from spacestudio.engines.language.talk import Counts
from spacestudio.engines.progress import Told, listening
from spacestudio.errors import FormatError, InputError, LayoutError, SpaceStudioError, UnknownName
from spacestudio.formats.cameras import Matrix, check_camera, read_poses, stated_depth_scale
from spacestudio.formats.coco import CocoFile, lists, read_coco
from spacestudio.formats.door import reason
from spacestudio.formats.folder import damaged_logs, read_sample, read_samples, write_sample
from spacestudio.formats.ledger import Ledger, digest
from spacestudio.formats.pictures import read_picture
from spacestudio.formats.records import clean, line
from spacestudio.relations.naming import label_of
from spacestudio.relations.words import statement
from spacestudio.services.arrange import unique_names
from spacestudio.services.begin import Ready, Recipe, from_picture
from spacestudio.services.bring import events_of
from spacestudio.services.comment import Wanted, commented
from spacestudio.services.converse import SOLVER, Proposal, imagine_scene, propose_layout, scene_names, talk_with, total
from spacestudio.services.derive import Deriver
from spacestudio.services.find import looked_for
from spacestudio.services.imagine import AGAIN, CANVAS, RULE, Looks, standing, synthesize
from spacestudio.services.intake import DEPTH_FILES, PICTURES, camera_from, depth_from, match_file, ready_from
from spacestudio.services.judge import Act
from spacestudio.services.payloads import graph_payload, run_payload
from spacestudio.services.studio import now
from spacestudio.services.verify import Verified, left_open, not_looked_for, verify_picture, verify_sample
from spacestudio.services.verify import count as verified
from spacestudio.store.blobs import MemoryBlobs

log = logging.getLogger(__name__)
Progress = Callable[[str], None]
INTEGER_DEPTH = {".png", ".pgm"}
"""Depth files that a camera file's depth scale applies to; others may hold metres already."""
POSE_FILES = {".txt", ".log"}
PROGRESS = ".progress"
"""Folder of what was made so far, while a run has not come to its end, or some of it failed."""
STEPS_TOLD = 10
"""Lines told of the steps of one picture."""


@dataclass(frozen=True)
class Outcome:
    """A sample that was written: what is told of it; the sample itself is in its folder.

    Attributes:
        id, folder: of the sample.
        objects, questions: how many.
        nameless: it has objects and none has a name.
        engines: stage -> engine.
        warnings: the sample's.
    """

    id: str
    folder: Path
    objects: int
    questions: int
    nameless: bool
    engines: Mapping[str, str] = field(default_factory=dict, hash=False)
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, s: Sample, folder: Path) -> Outcome:
        """Of a sample written to a folder."""
        nameless = bool(s.objects) and not any(label_of(o.label) for o in s.objects)
        return cls(s.id, folder, len(s.objects), len(s.qa), nameless, {r.stage: r.engine for r in s.provenance}, s.warnings)


@dataclass
class Report:
    """What a batch did: each sample's folder, each failed item with its one line, and what language models took.

    Attributes:
        resumed: how many of the samples an earlier run had made.
    """

    samples: list[Outcome] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    resumed: int = 0

    @property
    def talked(self) -> Counts | None:
        """What all conversations took; None when there were none."""
        whole = total(self.counts)
        return whole if whole.calls else None

    def to_json(self) -> dict[str, object]:
        """As the command line prints it; `language` and `resumed` only where there is something to tell."""
        spoken = {"language": self.talked.facts | {"seconds": round(self.talked.seconds, 3)}} if self.talked else {}
        return (
            spoken
            | ({"resumed": self.resumed} if self.resumed else {})
            | {
                "samples": [
                    {"id": s.id, "folder": str(s.folder), "engines": dict(s.engines), "warnings": list(s.warnings)}
                    for s in self.samples
                ],
                "failed": [{"item": item, "error": error} for item, error in self.failed],
            }
        )


@dataclass(frozen=True)
class Options:
    """What `analyze` was asked for; each may be empty.

    Attributes:
        depth: engine name, or a depth file, or a folder of them matched by name.
        depth_kind: metric, relative or disparity.
        depth_scale: raw units per metre; None for what the camera file states.
        camera: fx,fy,cx,cy or a file.
        poses: a file with a camera-to-world pose per picture, in their order, or a folder of files matched by name.
        objects: engine name or a COCO file.
        labels: what to look for; COCO's 80 when empty, and a graph's names where pictures are held against one.
        masks: engine name.
        comments: language models that comment on the result.
    """

    depth: str = "cues"
    depth_kind: str = ""
    depth_scale: float | None = None
    camera: str = ""
    poses: str = ""
    objects: str = "proposals"
    labels: tuple[str, ...] = ()
    masks: str = "grabcut"
    comments: Wanted = field(default_factory=Wanted)


def analyze(items: Sequence[str], options: Options, out: Path, tell: Progress = lambda line: None) -> Report:
    """Each picture to a sample folder under `out`.

    Raises:
        InputError: an option that concerns all pictures can't be used.
    """
    pictures, empty = _pictures(items, options.depth)
    once: dict[Path, Path] = {}
    for path in pictures:
        if path.resolve() in once:
            tell(f"{path}: warning given more than once, it is analysed once")
        once.setdefault(path.resolve(), path)
    options.comments.ready()
    report = Report(failed=empty)
    makers = _makers(list(once.values()), options, tell, counts=report.counts)
    _check_folder(out)
    for number, (path, make, _) in enumerate(makers, 1):
        tell(f"{number}/{len(makers)} {path.name}")
        _run(report, str(path), make, out)
    return report


def _pictures(items: Sequence[str], depth: str) -> tuple[list[Path], list[tuple[str, str]]]:
    """Every picture in order, and one line for each folder that holds none.

    Raises:
        InputError: there is no picture at all.
    """
    found = {item: list(pictures_in([item], depth)) for item in items}
    if not any(found.values()):
        raise InputError(f"No picture in {', '.join(items)}", ", ".join(sorted(PICTURES)))
    kinds = ", ".join(sorted(PICTURES))
    empty = [(item, str(InputError("This folder holds no picture", kinds))) for item, paths in found.items() if not paths]
    return [path for item in items for path in found[item]], empty


def _makers(
    pictures: Sequence[Path],
    options: Options,
    tell: Progress,
    also: Sequence[Sequence[str]] = (),
    counts: list[Counts] | None = None,
) -> list[tuple[Path, Callable[[], Sample], str]]:
    """Each picture, what analyses it, and why an object that is not found may be there all the same ("" for no reason).

    Args:
        also: what to look for beside the labels asked for, of each picture; nothing when empty.
        counts: what language models take is appended.

    Raises:
        InputError: an option that concerns all pictures can't be used.
        UnknownName: an engine that is none.
    """
    SEGMENT[options.masks]
    coco = _coco(options.objects)
    depth_files = _depth_files(options.depth)
    if depth_files and Path(options.depth).is_file() and len({path.resolve() for path in pictures}) > 1:
        raise InputError(
            f"The depth file {options.depth} was given for {len(pictures)} pictures, and a depth file belongs to one",
            "one picture, or a folder of depth files matched by name",
        )
    if options.labels and (coco is not None or DETECT[options.objects].built_in):
        tell(f"warning --labels {','.join(options.labels)} is not used: {options.objects} does not look for labels")
    looked_for(options.labels)
    poses = _poses(options.poses, len(pictures))
    if options.camera:
        check_camera(options.camera)

    def one(path: Path, number: int) -> Sample:
        picture = read_picture(path, path.name)
        height, width = picture.rgb.shape[:2]
        depth, camera, warnings = _depth_and_camera(path, depth_files, options, width, height)
        objects: str | Ready = options.objects
        if coco is not None:
            objects = ready_from(coco, Path(options.objects).name, path.name, width, height)
        labels = (*options.labels, *(also[number] if also else ()))
        recipe = Recipe(depth, camera, objects, labels, options.masks, tuple(warnings))
        blobs = MemoryBlobs()
        sample_id, events = from_picture(picture, recipe, blobs)
        if poses is not None:
            pose = poses[number] if poses else _own_pose(path, Path(options.poses))
            run = {"stage": "pose", "engine": "file", "settings": {"T_world_camera": pose.tolist()}}
            events.append(Event(len(events) + 1, "run", run))
        sample = Deriver(blobs).sample(sample_id, stamped(events))
        return commented_on(sample, options.comments, 0, blobs, counts if counts is not None else [])

    return [(path, partial(one, path, number), _unsure(coco, path)) for number, path in enumerate(pictures)]


def _unsure(coco: CocoFile | None, picture: Path) -> str:
    """Why an object may be in the picture that a COCO file does not have; "" when the file would say so."""
    if coco is None:
        return ""
    if not coco.categories:
        return f"and “{coco.name}” does not name its categories"
    return "" if lists(coco, picture.name) else f"and “{coco.name}” does not list this picture"


def _run(report: Report, item: str, make: Callable[[], Sample], out: Path) -> Outcome | None:
    """Make a sample and write it; None, and one line in the report, where that failed."""

    def write() -> None:
        sample = make()
        _spare(out / sample.id)
        report.samples.append(Outcome.of(sample, write_sample(sample, out)))

    before = len(report.samples)
    attempt(report.failed, item, write)
    return report.samples[-1] if len(report.samples) > before else None


def _spare(folder: Path) -> None:
    """Raise InputError where a person has worked on the sample of a folder: a batch must not undo that."""
    if not (folder / "sample.json").is_file():
        return
    try:
        there = read_sample(folder)
    except FormatError:
        return  # half of a folder, or none of ours
    people = {e.author for e in there.events} - {"", *LANGUAGE}
    if there.review != "draft" or people:
        raise InputError(
            f"“{folder}” holds this sample with a person's work on it, which stays as it is",
            next_step="Give another --out, or take the folder away",
        )


def _begun(out: Path, settings: Mapping[str, Any]) -> Ledger:
    """What a run with these settings that was stopped made in a folder; a run with others keeps a list of its own."""
    told = json.loads(line({**settings, "studio": spacestudio.__version__}))
    return Ledger(out / PROGRESS / f"{digest(told)}.jsonl", told)


def _done_before(ledger: Ledger, key: str, out: Path) -> Outcome | None:
    """What an earlier run made of an item, if its folder still stands."""
    if key not in ledger:
        return None
    row = {k: v for k, v in ledger[key].items() if k != "key"}
    folder = out / row["id"]
    if not (folder / "sample.json").is_file():
        return None
    return Outcome(**row | {"folder": folder, "warnings": tuple(row["warnings"])})


def attempt(failed: list[tuple[str, str]], item: str, act: Callable[[], None]) -> None:
    """Do it, or note in one line why not."""
    try:
        act()
    except SpaceStudioError as error:
        failed.append((item, str(error)))
    except Exception as error:  # a defect of ours must not take the other items with it
        log.exception("%s failed unexpectedly", item)
        failed.append((item, f"Unexpected {type(error).__name__}: {error}. Please report it."))


def commented_on(sample: Sample, wanted: Wanted, seed: int, blobs: MemoryBlobs, counts: list[Counts]) -> Sample:
    """The sample with what language models say of it; what came of it stands among its warnings."""

    def add(sample: Sample, acts: Sequence[Act], author: str) -> Sample:
        first = sample.events[-1].seq + 1
        events = stamped([Event(first + k, kind, payload, author) for k, (kind, payload) in enumerate(acts)])
        return Deriver(blobs).sample(sample.id, (*sample.events, *events))

    sample, made = commented(sample, wanted, seed, add)
    counts += [comments.counts for comments in made]
    return (
        sample
        if not made
        else sample.but(warnings=(*sample.warnings, *(line for comments in made for line in comments.words)))
    )


def stamped(events: Sequence[Event]) -> list[Event]:
    """The events with the time of now."""
    time = now()
    return [Event(e.seq, e.kind, e.payload, e.author, time, e.group) for e in events]


def pictures_in(items: Sequence[str], depth: str = "") -> Iterator[Path]:
    """Files as they are, folders' pictures in order of name; files named depth are no pictures in the folder of `depth`."""
    for item in items:
        path = Path(item)
        if path.is_dir():
            shared = Path(depth).is_dir() and path.samefile(depth)
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
            yield from (p for p in found if not (shared and "depth" in p.name.lower()))
        else:
            yield path


def _coco(objects: str) -> CocoFile | None:
    if objects in DETECT:
        return None
    path = Path(objects)
    if path.suffix.lower() != ".json":
        raise _no_such(f"No object engine or COCO file is called “{objects}”", f"{', '.join(DETECT)}, or a .json file", path)
    return read_coco(path)


def _no_such(received: str, accepted: str, path: Path) -> SpaceStudioError:
    """A bare word names no engine; what has a folder or an ending, or exists, was meant as a path."""
    meant = path.suffix or len(path.parts) != 1 or path.exists()
    return (InputError if meant else UnknownName)(received, accepted)


def _depth_files(depth: str) -> list[Path] | None:
    """The depth files to choose from; None when an engine was named."""
    path = Path(depth)
    if depth in DEPTH:
        return None
    if path.is_dir():
        return sorted(p for p in path.iterdir() if p.suffix.lower() in DEPTH_FILES)
    if path.is_file():
        return [path]
    known = f"{', '.join(DEPTH)}, a depth file, or a folder of them"
    raise _no_such(f"No depth engine, file or folder is called “{depth}”", known, path)


def _check_folder(out: Path) -> None:
    """Raise InputError when nothing can be written to a folder."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise InputError(f"The folder “{out}” can't be written ({reason(error)})", next_step="Choose another one") from None


def _poses(poses: str, count: int) -> list[Matrix] | None:
    """One pose per picture; none of them when they lie in a folder; None when none are given."""
    if not poses:
        return None
    if Path(poses).is_dir():
        return []
    read = read_poses(Path(poses))
    if len(read) < count:
        raise InputError(f"{poses} holds {len(read)} poses for {count} pictures", "one pose per picture, in their order")
    return read


def _own_pose(picture: Path, folder: Path) -> Matrix:
    file = match_file(picture, sorted(p for p in folder.iterdir() if p.suffix.lower() in POSE_FILES))
    if file is None:
        raise InputError(
            f"{picture.name} has no pose file in {folder}",
            "a .txt or .log file of the same name",
            "Rename it, or leave this picture out",
        )
    found = read_poses(file)
    if len(found) != 1:
        raise InputError(f"{file.name} holds {len(found)} poses for one picture", "one pose in each file of a folder")
    return found[0]


def _depth_and_camera(
    path: Path, files: list[Path] | None, options: Options, width: int, height: int
) -> tuple[str | DepthMap, Camera | None, list[str]]:
    warnings: list[str] = []
    camera = None
    if options.camera:
        camera, notes = camera_from(options.camera, width, height, path.name)
        warnings += notes
    if files is None:
        return options.depth, camera, warnings
    match = files[0] if Path(options.depth).is_file() else match_file(path, files)
    if match is None:
        raise InputError(
            f"{path.name} has no depth file in {options.depth}",
            "a file of the same name",
            "Rename it, or leave this picture out",
        )
    scale = options.depth_scale
    if scale is None and options.camera and options.depth_kind in ("", "metric") and match.suffix.lower() in INTEGER_DEPTH:
        scale = stated_depth_scale(options.camera, path.name)
        if scale is not None:
            warnings.append(f"{match.name} has {scale:g} raw units per metre, as {Path(options.camera).name} states.")
    depth, notes = depth_from(match, options.depth_kind, scale, (width, height))
    return depth, camera, warnings + list(notes)


def synthesize_scenes(
    graphs: Sequence[tuple[str, SpatialGraph | None, str]] | None,
    count: int,
    out: Path,
    seed: int = 0,
    language: str = "grammar",
    image: str = "compositor",
    candidates: int = 1,
    tell: Progress = lambda line: None,
    layout: str = SOLVER,
    retries: int = AGAIN,
    looks: Looks = Looks(),
    comments: Wanted = Wanted(),
) -> Report:
    """Each given graph, or `count` scenes of the engine's choice, to a sample folder under `out`.

    Args:
        graphs: (item name, graph or None, why there is none) as read from a file; None to imagine scenes.
        seed: scene k uses seed + k.
        candidates: pictures made per scene; the best by `RULE` is kept with its verdicts.
        layout: the solver, or a language model that proposes boxes to it.
        retries: pictures made beside them at most, as long as each fails a relation.
        looks: what measures a picture where the image engine can't know what it drew.
        comments: language models that comment on the pictures.

    A run that was stopped goes on where it was, when it is given the same settings and folder again.
    """
    LANGUAGE[language], IMAGINE[image], SEGMENT[looks.masks]
    for chosen, registry in ((looks.objects, DETECT), (looks.depth, DEPTH)):
        registry[chosen or next(iter(registry))]
    for model in {language} if graphs is None and not LANGUAGE[language].built_in else set():
        talk_with(model)
    if layout != SOLVER:
        talk_with(layout)
    comments.ready()
    _check_folder(out)
    report = Report()
    items = graphs if graphs is not None else [(f"scene {k + 1} (seed {seed + k})", None, "") for k in range(count)]
    settings = {"seed": seed, "language": language, "image": image, "candidates": candidates, "layout": layout}
    settings |= {"retries": retries, "looks": asdict(looks), "comments": asdict(comments)}
    ledger = _begun(out, settings)
    keys = [f"{k}:{_fingerprint(graph)}" for k, (_, graph, _) in enumerate(items)]
    done = [_done_before(ledger, key, out) for key in keys]
    left = sum(found is None for found in done)
    names = scene_names(language, 0 if graphs is not None else left, seed, report.counts)
    for number, (item, graph, problem) in enumerate(items):
        if (found := done[number]) is not None:
            report.samples.append(found)
            report.resumed += 1
            continue
        tell(f"{number + 1}/{len(items)} {item}")
        if graphs is not None and graph is None:
            report.failed.append((item, problem))
            continue

        def one(graph: SpatialGraph | None = graph, number: int = number) -> Sample:
            run, proposal = None, None
            notes: tuple[str, ...] = ()
            if graph is None:
                written = imagine_scene(next(names, None), seed + number, language, strict=False)
                graph, run, notes = written.graph, written.run, written.warnings
                report.counts.append(written.counts)
            if layout != SOLVER:
                proposal = propose_layout(graph, layout, seed + number, CANVAS)
                report.counts.append(proposal.counts)
            draw = partial(draw_scene, graph, run, seed + number, image, notes, proposal, looks)
            with listening(_steps(tell)):
                best, blobs = best_of(draw, candidates, retries)
                best = commented_on(best, comments, seed + number, blobs, report.counts)
            return best.but(warnings=(*best.warnings, *_not_shown(best)))

        if (made := _run(report, item, one, out)) is not None:
            ledger.add(keys[number], {k: v for k, v in vars(made).items() if k != "folder"})
    if not report.failed or not len(ledger):
        ledger.end()
    return report


def _fingerprint(graph: SpatialGraph | None) -> str:
    return digest(None if graph is None else clean(graph_payload(graph), None))


def _steps(tell: Progress) -> Callable[[Told], None]:
    """Says how far a picture or a download is, in about `STEPS_TOLD` lines."""
    said = 0

    def hear(step: Told) -> None:
        nonlocal said
        now_at = int((step.share or 0) * STEPS_TOLD)
        if now_at != said and step.words:
            tell(f"  {step.words}")
        said = now_at

    return hear


def best_of(draw: Callable[[int], tuple[Sample, MemoryBlobs]], count: int, retries: int) -> tuple[Sample, MemoryBlobs]:
    """The best by `RULE` of `count` pictures, and of up to `retries` more while the best one fails a relation.

    Where there were several, how many, and how each stood, is recorded in the one that is kept.
    """
    made: list[tuple[Sample, MemoryBlobs]] = []
    for k in range(max(1, count) + retries):
        if k >= count and made and not _failed(min(made, key=_standing)[0]):
            break
        try:
            made.append(draw(k))
        except LayoutError:
            if not made:
                raise
    best, blobs = min(made, key=_standing)
    if len(made) == 1:
        return best, blobs
    tried = [{"seed": _seed(s), **verified(r.verdict for r in s.verdicts)} for s, _ in made]
    record = {"rule": RULE, "candidates": count, "retries": retries, "kept_seed": _seed(best), "tried": tried}
    run = run_payload(EngineRun("choice", "studio", settings=record))
    return Deriver(blobs).sample(best.id, stamped([*best.events, Event(best.events[-1].seq + 1, "run", run)])), blobs


def _standing(made: tuple[Sample, MemoryBlobs]) -> tuple[int, int]:
    return standing(r.verdict for r in made[0].verdicts)


def _seed(sample: Sample) -> int:
    return next((run.seed or 0 for run in sample.provenance if run.stage == "image"), 0)


def _failed(sample: Sample) -> list[Relation]:
    return [r for r in sample.verdicts if r.verdict == "false"]


def _not_shown(sample: Sample) -> list[str]:
    """What was asked and is not so in the picture, a line each."""
    if sample.target is None:
        return []
    names = unique_names(sample.target)
    pairs = zip(sample.target, sample.verdicts, strict=True)
    return [f"asked, but not shown: {statement(asked, names)}" for asked, found in pairs if found.verdict == "false"]


def draw_scene(
    graph: SpatialGraph,
    run: EngineRun | None,
    seed: int,
    image: str,
    notes: Sequence[str],
    proposal: Proposal | None,
    looks: Looks,
    candidate: int,
) -> tuple[Sample, MemoryBlobs]:
    """A scene drawn: candidate k of a seed has dice of its own."""
    blobs = MemoryBlobs()
    made = synthesize(graph, blobs, seed + 1009 * candidate, image, run, notes=notes, proposal=proposal, looks=looks)
    return Deriver(blobs).sample(made.id, stamped(made.events)), blobs


Graphs = Sequence[tuple[str, SpatialGraph | None, str]]
"""Item name, graph or None, and why there is none, as read from a file."""


@dataclass
class Verdicts:
    """What a verification found: each item that could be looked at, and each failed one with its one line."""

    verified: list[Verified] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything could be looked at and nothing asked failed."""
        return not self.failed and all(v.holds for v in self.verified)

    def to_json(self) -> dict[str, object]:
        """As the command line prints it."""
        return {
            "verified": [v.to_json() for v in self.verified],
            "failed": [{"item": item, "error": error} for item, error in self.failed],
        }


def verify_pictures(items: Sequence[str], graphs: Graphs, options: Options, tell: Progress = lambda line: None) -> Verdicts:
    """Each picture, analysed in memory, against its graph: the only one, else the one at its place.

    Raises:
        InputError: an option that concerns all pictures can't be used, or there is another number of graphs.
    """
    pictures, empty = _pictures(items, options.depth)
    _check_count(graphs, len(pictures), "pictures")
    named = [[*(o.label for o in graph.objects), *graph.negative_objects] if graph else [] for _, graph, _ in graphs]
    makers = _makers(pictures, options, tell, named if len(named) > 1 else named * len(pictures))
    report = Verdicts(failed=empty)
    for number, (path, make, unsure) in enumerate(makers):
        tell(f"{number + 1}/{len(makers)} {path.name}")
        k = number if len(graphs) > 1 else 0
        _, graph, problem = graphs[k]

        def one(path: Path, make: Callable[[], Sample], unsure: str, k: int, graph: SpatialGraph) -> None:
            sample = make()
            unsure = unsure or not_looked_for(sample)
            found = verify_picture(graph, sample.graph, sample.variants, by_id=False, unsure=unsure)
            report.verified.append(Verified(str(path), k, found, warnings=(*sample.warnings, *left_open(found))))

        if graph is None:
            report.failed.append((str(path), problem))
        else:
            attempt(report.failed, str(path), partial(one, path, make, unsure, k, graph))
    return report


def verify_samples(folder: Path, graphs: Graphs | None = None, tell: Progress = lambda line: None) -> Verdicts:
    """Each sample folder's picture against its own target, or against its graph of a file; its layout; and its questions.

    Raises:
        InputError: there is no sample folder, or another number of graphs.
    """
    samples, problems = read_samples(folder)
    if not samples and not problems:
        raise InputError(f"No sample folder in {folder}", "folders with a sample.json, as analyze and synthesize write them")
    if graphs is not None:
        _check_count(graphs, len(samples), "samples")
    report = Verdicts(failed=[(str(folder), problem) for problem in problems])
    logs = damaged_logs(folder)
    for number, sample in enumerate(samples):
        tell(f"{number + 1}/{len(samples)} {sample.id}")
        k, graph, problem = None, None, ""
        if graphs is not None:
            k = number if len(graphs) > 1 else 0
            _, graph, problem = graphs[k]

        def one(sample: Sample, k: int | None, graph: SpatialGraph | None) -> None:
            report.verified.append(verify_sample(measured_again(sample), sample.id, graph, k, logs.get(sample.id, ())))

        if problem:
            report.failed.append((sample.id, problem))
        else:
            attempt(report.failed, sample.id, partial(one, sample, k, graph))
    return report


def _check_count(graphs: Graphs, count: int, things: str) -> None:
    if len(graphs) not in (1, count):
        raise InputError(f"{len(graphs)} graphs for {count} {things}", f"one graph for all, or one for each of the {things}")


def measured_again(sample: Sample, blobs: MemoryBlobs | None = None) -> Sample:
    """A sample read from a folder, measured again; target, layout and questions are those of the folder.

    Args:
        blobs: where its pictures are put, for what is to be appended to its log.
    """
    blobs = MemoryBlobs() if blobs is None else blobs
    derived = Deriver(blobs).sample(sample.id, events_of(sample, blobs))
    return derived.but(target=sample.target, layout=sample.layout, qa=sample.qa)
