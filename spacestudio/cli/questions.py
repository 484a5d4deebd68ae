"""questions NAME: question sets for models, as JSON Lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spacestudio.cli.common import DepthKind, Json, answer, check_depth, tell
from spacestudio.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Question sets for models, with the answers they are scored against.")


@app.callback()
def _questions() -> None:
    """Question sets for models, with the answers they are scored against."""


@app.command()
def proximity(
    out: Annotated[Path, typer.Option("--out", help="File to write, one question a line (.jsonl).")],
    samples: Annotated[Path | None, typer.Option(help="Folder of sample folders to ask about.")] = None,
    graphs: Annotated[Path | None, typer.Option(help="GQA-style scene graphs to ask about instead.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the graphs' pictures, named after their ids.")] = None,
    depth: Annotated[
        str, typer.Option(help="The pictures' depth: an engine, or a folder of depth files (also Make3D's .mat).")
    ] = "",
    depth_kind: DepthKind = "",
    depth_scale: Annotated[float | None, typer.Option(help="Raw units per metre of integer depth files.")] = None,
    tau: Annotated[float, typer.Option(min=0, max=1, help="Two depths that differ by less are about the same.")] = 0.05,
    types: Annotated[str, typer.Option(help="Some of perception, direct and reasoned, comma-separated.")] = "",
    per_image: Annotated[int, typer.Option(min=1, max=1000, help="Questions of each type about one picture.")] = 6,
    swapped: Annotated[bool, typer.Option("--swapped", help="Add each pair's twin with the names exchanged.")] = False,
    overlapping: Annotated[
        bool, typer.Option("--overlapping", help="Ask about pairs whose ranges of depth overlap too.")
    ] = False,
    hint: Annotated[bool, typer.Option("--hint", help="Say after each question how to answer it, ties included.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    as_json: Json = False,
) -> None:
    """How deep is it, and which of two is closer? Of sample folders, or of scene graphs with a depth map a picture."""
    from spacestudio.formats.proximity import write_questions
    from spacestudio.qa.proximity import FORMS, Recipe
    from spacestudio.services.proximity_sets import DepthChoice, set_of_graphs, set_of_samples

    forms = tuple(dict.fromkeys(part.strip() for part in types.split(",") if part.strip())) or FORMS
    if unknown := [form for form in forms if form not in FORMS]:
        raise typer.BadParameter(f"{', '.join(unknown)}; known: {', '.join(FORMS)}", param_hint="--types")
    if (samples is None) == (graphs is None):
        raise typer.BadParameter("give either --samples DIR or --graphs FILE", param_hint="--samples")
    check_depth(depth_kind, depth_scale)
    recipe = Recipe(tau, overlapping, tuple(form for form in FORMS if form in forms), per_image, swapped, hint)
    if samples is not None:
        made = set_of_samples(samples, recipe, seed)
    elif graphs is not None and images is not None and depth:
        choice = DepthChoice(depth, depth_kind or None, depth_scale)  # type: ignore[arg-type]
        made = set_of_graphs(graphs, images, choice, recipe, seed, tell)
    else:
        raise typer.BadParameter("--graphs needs --images DIR and --depth ENGINE or DIR", param_hint="--graphs")
    for note in dict.fromkeys(made.notes):
        tell(f"warning {note}")
    for item, error in made.failed:
        tell(f"{item}: {error}")
    if not made.questions:
        why = ", ".join(f"{n} × {reason}" for reason, n in sorted(made.left_out.items()))
        raise InputError(f"No question can be asked of {made.images} pictures ({why or 'none could be read'})")
    write_questions(made.questions, out)
    told = made.to_json()
    asked = ", ".join(f"{n} {form}" for form, n in told["questions"].items())
    lines = [f"{made.images} pictures: {asked} -> {out}"]
    lines += [f"left out: {n} × {why}" for why, n in told["left_out"].items()]
    answer({"out": str(out), **told}, as_json, lines)
    if made.failed:
        sys.exit(1)
