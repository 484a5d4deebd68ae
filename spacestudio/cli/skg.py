"""skg STAGE: SKG2Data's pipeline, each stage from file to file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from spacestudio.cli.common import Json, answer, tell

app = typer.Typer(
    no_args_is_help=True,
    help="Knowledge to data in SKG2Data's stages and files; each goes on where it was stopped.",
)
Out = Annotated[Path, typer.Option("--out", help="Folder of the pipeline: the stages' files, samples, pictures.")]
Source = Annotated[Path | None, typer.Option("--from", help="File to read instead of the one in the folder.")]
Scenes = Annotated[int, typer.Option(min=1, max=100_000, help="How many places.")]
Combinations = Annotated[int, typer.Option(min=1, max=10_000, help="Graphs of each place.")]
Language = Annotated[
    str, typer.Option(help="Who writes: grammar, or a language model: endpoint, hub or transformers, also with :MODEL.")
]
Texts = Annotated[Path | None, typer.Option("--rag_file", "--rag-file", help="JSON {scene: text}: what to know of a place.")]
AddOne = Annotated[
    bool,
    typer.Option("--add_one_node", "--add-one-node", help="Also pictures of one object alone, for the three used most."),
]
Layout = Annotated[str, typer.Option(help="cp-sat, or a language model that proposes boxes to it.")]
Image = Annotated[str, typer.Option(help="Image engine, also with :WEIGHTS.")]
Candidates = Annotated[int, typer.Option(min=1, max=64, help="Pictures made of each graph; the best is kept.")]
Retries = Annotated[int, typer.Option(min=0, max=64, help="Pictures made beside them while a relation fails.")]
Objects = Annotated[str, typer.Option(help="Object engine for pictures whose engine can't know what it drew.")]
Depth = Annotated[str, typer.Option(help="Depth engine for such pictures.")]
Masks = Annotated[str, typer.Option(help="Mask engine for such pictures.")]
Words = Annotated[str, typer.Option(help="Language model that rewords questions.")]
Check = Annotated[str, typer.Option(help="Vision-language model that may drop questions, never add any.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")]


def _run(stages: list[str], out: Path, source: Path | None, as_json: bool, **settings: Any) -> None:
    from spacestudio.formats.skg_files import read_texts
    from spacestudio.services.imagine import Looks
    from spacestudio.services.knowledge import Recipe, run

    looks = {name: settings.pop(name) for name in ("objects", "depth", "masks") if name in settings}
    texts = settings.pop("texts", None)
    recipe = Recipe(**settings, looks=Looks(**looks), texts=read_texts(texts) if texts else {})
    reports = run(stages, out, recipe, source, tell)
    lines = [line for report in reports for line in (report.line, *(f"  {note}" for note in report.notes[:20]))]
    answer({"stages": [report.to_json() for report in reports]}, as_json, lines)
    for report in reports:
        for item, error in report.failed:
            tell(f"{report.stage} {item}: {error}")
    if any(report.failed for report in reports):
        sys.exit(1)


@app.command("scenes")
def _scenes(out: Out, scenes: Scenes = 10, language: Language = "grammar", seed: Seed = 0, as_json: Json = False) -> None:
    """Names of everyday places -> scenes.txt."""
    _run(["scenes"], out, None, as_json, scenes=scenes, language=language, seed=seed)


@app.command("objects")
def _objects(
    out: Out,
    source: Source = None,
    language: Language = "grammar",
    rag_file: Texts = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """What to expect in each place: scenes.txt -> objects.json."""
    _run(["objects"], out, source, as_json, language=language, texts=rag_file, seed=seed)


@app.command("graphs")
def _graphs(
    out: Out,
    source: Source = None,
    combinations: Combinations = 5,
    language: Language = "grammar",
    add_one_node: AddOne = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Spatial knowledge graphs of two to four objects: objects.json -> skg.json."""
    settings = {"combinations": combinations, "language": language, "add_one_node": add_one_node, "seed": seed}
    _run(["graphs"], out, source, as_json, **settings)


@app.command("boxes")
def _boxes(out: Out, source: Source = None, layout: Layout = "cp-sat", seed: Seed = 0, as_json: Json = False) -> None:
    """Layouts that satisfy every relation, or the clash: skg.json -> skg_boxes.json."""
    _run(["boxes"], out, source, as_json, layout=layout, seed=seed)


@app.command("images")
def _images(
    out: Out,
    source: Source = None,
    image: Image = "compositor",
    candidates: Candidates = 1,
    retries: Retries = 2,
    objects: Objects = "",
    depth: Depth = "",
    masks: Masks = "grabcut",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Pictures, kept where all that was asked is verified: skg_boxes.json -> skg_images.json, samples/, rejected/."""
    settings = {"image": image, "candidates": candidates, "retries": retries, "seed": seed}
    _run(["images"], out, source, as_json, objects=objects, depth=depth, masks=masks, **settings)


@app.command("qa")
def _qa(out: Out, source: Source = None, words: Words = "", seed: Seed = 0, as_json: Json = False) -> None:
    """Questions and answers of six kinds from the verified graphs: skg_images.json -> data.json."""
    _run(["qa"], out, source, as_json, words=words, seed=seed)


@app.command("check")
def _check(out: Out, source: Source = None, check: Check = "", seed: Seed = 0, as_json: Json = False) -> None:
    """Pairs that hold when the pictures are measured anew: data.json -> data_filtered.json."""
    _run(["check"], out, source, as_json, check=check, seed=seed)


@app.command("all")
def _all(
    out: Out,
    scenes: Scenes = 10,
    combinations: Combinations = 5,
    language: Language = "grammar",
    rag_file: Texts = None,
    add_one_node: AddOne = False,
    layout: Layout = "cp-sat",
    image: Image = "compositor",
    candidates: Candidates = 1,
    retries: Retries = 2,
    objects: Objects = "",
    depth: Depth = "",
    masks: Masks = "grabcut",
    words: Words = "",
    check: Check = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """All stages in turn."""
    from spacestudio.services.knowledge import STAGES

    settings: dict[str, Any] = {
        "scenes": scenes,
        "combinations": combinations,
        "language": language,
        "texts": rag_file,
        "add_one_node": add_one_node,
        "layout": layout,
        "image": image,
        "candidates": candidates,
        "retries": retries,
        "words": words,
        "check": check,
        "seed": seed,
    }
    _run(list(STAGES), out, None, as_json, objects=objects, depth=depth, masks=masks, **settings)
