"""Proximity questions about samples, and sets of them for models: of sample folders, or of scene graphs with depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spacestudio.domain.depth import DepthKind, DepthMap
from spacestudio.domain.grounded import Exchange
from spacestudio.domain.sample import Sample
from spacestudio.engines import DEPTH
from spacestudio.errors import InputError, SpaceStudioError
from spacestudio.formats.folder import read_sample, sample_folders
from spacestudio.formats.gqa import GqaScene, read_gqa
from spacestudio.formats.make3d import read_any_depth
from spacestudio.formats.pictures import read_picture
from spacestudio.formats.proximity import ProximityQuestion, SetObject, record_id
from spacestudio.geometry.object_depth import depths_of
from spacestudio.qa.choose import number
from spacestudio.qa.known import known
from spacestudio.qa.proximity import Asking, Recipe, also_called, contradicted, questions
from spacestudio.qa.scene import Scene
from spacestudio.services.estimate import estimate
from spacestudio.services.intake import DEPTH_FILES, PICTURES, match_file
from spacestudio.services.scene import scene_of_sample

Progress = Callable[[str], None]
DEPTH_OR_MAT = {*DEPTH_FILES, ".mat"}


@dataclass
class QuestionSet:
    """A set of questions.

    Attributes:
        questions: picture by picture.
        images: how many pictures were looked at.
        left_out: reason -> objects or pairs that nothing is asked about.
        failed: (item, why) for what could not be read.
        notes: what had to be assumed.
    """

    questions: list[ProximityQuestion] = field(default_factory=list)
    images: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        ordered = Counter(q.gold for q in self.questions if q.type != "perception")
        return {
            "images": self.images,
            "questions": dict(Counter(q.type for q in self.questions)),
            "answers": {gold: ordered[gold] for gold in ("first", "second", "same")},
            "swapped": sum(q.swapped for q in self.questions),
            "left_out": dict(sorted(self.left_out.items())),
            "notes": list(dict.fromkeys(self.notes)),
            "failed": [{"item": item, "error": error} for item, error in self.failed],
        }


def exchanges(sample: Sample) -> tuple[Exchange, ...]:
    """The style `proximity`: a sample's questions with the standard recipe; none without depth."""
    return _of_sample(sample, Recipe(), 0)[1].exchanges


def _of_sample(sample: Sample, recipe: Recipe, seed: int, turns: Mapping[str, int] | None = None) -> tuple[Scene, Asking]:
    scene = replace(scene_of_sample(sample), seed=number(seed, "proximity", sample.id))
    if sample.depth is None:
        return scene, Asking(left_out={"no depth in the sample": len(sample.objects)})
    return scene, questions(scene, depths_of(sample.objects, sample.depth), recipe, turns)


class _Maker:
    """Adds pictures to a set; the balance of first and second, closer and farther runs through all of them."""

    def __init__(self) -> None:
        self.set, self.turns = QuestionSet(), Counter[str]()

    def add(self, image: str, item: str, scene: Scene, asking: Asking) -> None:
        self.set.images += 1
        self.set.left_out.update(asking.left_out)
        for exchange in asking.exchanges:
            question = _question(image, item, scene, exchange)
            self.set.questions.append(question)
            self.turns[question.type] += question.gold in ("first", "second") and not question.swapped

    def attempt(self, item: str, act: Callable[[], None]) -> None:
        try:
            act()
        except SpaceStudioError as error:
            self.set.failed.append((item, str(error)))


def _question(image: str, item: str, scene: Scene, exchange: Exchange) -> ProximityQuestion:
    facts, found = exchange.facts, exchange.facts["found"]
    ids: Sequence[str] = facts["objects"]
    k = known(scene)
    objects = [
        SetObject(
            id=i,
            name=name,
            synonyms=also_called(k, i, ids),
            box_xyxy_px=k.objects[i].box.xyxy,
            **facts["numbers"][i],
        )
        for i, name in zip(ids, found["names"], strict=True)
    ]
    pair = f"{item}:{found['type']}:{found['asked']}:{found['pair']}" if "pair" in found else ""
    return ProximityQuestion(
        question_id=record_id(item, exchange), image=image, type=found["type"], asked=found["asked"],
        question=exchange.question.plain, objects=tuple(objects), gold=found["gold"], answer=exchange.answer.plain,
        tau=facts["thresholds"]["tau"], pair_id=pair, swapped=found.get("swapped", False), raw=found["raw"],
    )  # fmt: skip


def set_of_samples(folder: Path, recipe: Recipe, seed: int = 0) -> QuestionSet:
    """Questions about every sample folder below; `image` is relative to the folder.

    Raises:
        InputError: there is no sample folder.
    """
    found = sample_folders(folder)
    if not found:
        raise InputError(f"No sample folder in {folder}", "folders with a sample.json, as analyze and synthesize write them")
    maker = _Maker()
    for place in found:

        def one(place: Path = place) -> None:
            sample = read_sample(place)
            scene, asking = _of_sample(sample, recipe, seed, maker.turns)
            image = (place / "image.png").relative_to(folder) if place != folder else Path("image.png")
            maker.add(image.as_posix(), sample.id, scene, asking)

        maker.attempt(place.name, one)
    return maker.set


@dataclass(frozen=True)
class DepthChoice:
    """Where the depth of a picture comes from: an engine, or a folder of files matched by name."""

    source: str
    kind: DepthKind | None = None
    units: float | None = None


def set_of_graphs(
    graphs: Path, images: Path, depth: DepthChoice, recipe: Recipe, seed: int = 0, tell: Progress = lambda line: None
) -> QuestionSet:
    """Questions about every GQA-style scene graph whose picture is among `images`, by the depth chosen.

    The graph's own "in front of" and "behind" are people's; a pair whose depths say otherwise is left out as a clash.

    Raises:
        InputError: no scene graph, no such folder or depth engine.
    """
    scenes, problems = read_gqa(graphs)
    pictures = _files(images, PICTURES, "pictures")
    files = (
        None
        if depth.source in DEPTH
        else _files(Path(depth.source), DEPTH_OR_MAT, f"depth, nor an engine ({', '.join(DEPTH)})")
    )
    by_stem = {path.stem: path for path in reversed(pictures)}
    maker = _Maker()
    maker.set.failed += problems
    found = [(scene, by_stem[scene.id]) for scene in scenes if scene.id in by_stem]
    if len(found) < len(scenes):
        maker.set.left_out["scene without a picture of its name"] = len(scenes) - len(found)
    for at, (scene, picture) in enumerate(found, 1):
        tell(f"{at}/{len(found)} {scene.id}")

        def one(scene: GqaScene = scene, picture: Path = picture) -> None:
            asked, asking, notes = _of_graph(
                scene, picture, files, depth, recipe, number(seed, "proximity", scene.id), maker.turns
            )
            maker.set.notes += notes
            maker.add(picture.name, scene.id, asked, asking)

        maker.attempt(scene.id, one)
    return maker.set


def _files(folder: Path, suffixes: Iterable[str], what: str) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"“{folder}” is no folder of {what}", f"a folder with {', '.join(sorted(suffixes))}")
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes)


def _of_graph(
    row: GqaScene,
    picture: Path,
    files: Sequence[Path] | None,
    choice: DepthChoice,
    recipe: Recipe,
    seed: int,
    turns: Mapping[str, int],
) -> tuple[Scene, Asking, list[str]]:
    image = read_picture(picture, picture.name).rgb
    height, width = image.shape[:2]
    graph = row.graph
    if (width, height) != (row.width, row.height):
        across, down = width / row.width, height / row.height
        graph = graph.but(objects=[o.but(box=o.box.scaled(across, down)) for o in graph.objects])
    notes: list[str] = []
    if files is None:
        depth = estimate(image, choice.source, [o.box for o in graph.objects]).depth
        if depth is None:
            raise InputError(f"The engine {choice.source} made no depth for {picture.name}")
    else:
        depth, told = _depth_file(picture, files, choice, (width, height))
        notes += told
    depths = depths_of(graph.objects, depth)
    clashing = frozenset(r.key for r in graph if contradicted(r, depths, recipe.tau))
    scene = Scene(graph, width, height, depth_source=depth.source, distrusted=clashing, seed=seed)
    return scene, questions(scene, depths, recipe, turns), notes


def _depth_file(
    picture: Path, files: Sequence[Path], choice: DepthChoice, size: tuple[int, int]
) -> tuple[DepthMap, tuple[str, ...]]:
    found = match_file(picture, files)
    if found is None:
        raise InputError(f"{picture.name} has no depth file in {choice.source}", "a file of the same name")
    return read_any_depth(found, choice.kind, choice.units, size)
