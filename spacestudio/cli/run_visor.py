"""run visor: prompts to pictures to what is found in them to a score."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spacestudio.cli.common import RULES, Json, Out, answer, tell


def visor(
    out: Out,
    prompts: Annotated[Path | None, typer.Option(help="Prompts as SR2D writes them.")] = None,
    sr2d: Annotated[bool, typer.Option("--sr2d", help="SR2D's own prompts.")] = False,
    engine: Annotated[str, typer.Option(help="Image engine, also with :WEIGHTS.")] = "compositor",
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures called <id>_<k>.png to look at instead of drawing any.")
    ] = None,
    objects: Annotated[
        str,
        typer.Option(
            help="Object engine that looks for names, also with :WEIGHTS; without, own-masks where the image engine knows "
            "what it drew, else visor."
        ),
    ] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Prompts taken at most, the first.")] = None,
    per_prompt: Annotated[int, typer.Option(min=1, max=1000, help="Pictures of each prompt.")] = 4,
    rules: Annotated[str, typer.Option(help=f"Rule set that judges: {RULES}.")] = "visor",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw pictures of prompts, find their objects, score them by VISOR; or look at pictures that are there."""
    from spacestudio.services.run_visor import Options, run

    if (sr2d and prompts) or not (sr2d or prompts or images):
        raise typer.BadParameter("give --prompts FILE or --sr2d, or --images DIR", param_hint="--prompts")
    ran = run(prompts, Options(engine, objects, images, per_prompt, limit, seed, rules), out, tell)
    lines = [f"{f.name}: {'nothing to count' if f.value is None else f'{f.value:.2f} {f.unit}'}" for f in ran.report.figures]
    answer(ran.to_json(), as_json, [*lines, *ran.report.notes, *(f"{name}: {path}" for name, path in ran.files.items())])
    for item, error in ran.failed:
        tell(f"{item}: {error}")
    if ran.stopped:
        tell(f"{ran.stopped} {ran.left} pictures were not tried; the same command goes on from there.")
    if ran.failed or ran.stopped:
        sys.exit(1)
