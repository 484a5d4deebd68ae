"""run psg, run proximity: ask a vision-language model, keep its answers, score them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacestudio.cli.common import Json, Out, answer, fail, tell

if TYPE_CHECKING:
    from spacestudio.services.run import Run

Engine = Annotated[
    str,
    typer.Option(
        help="Vision-language engine: endpoint, hub or transformers, also with :MODEL; a file of answers (.jsonl); or "
        "geometry, which lets the studio's own measurements answer."
    ),
]
Depth = Annotated[str, typer.Option(help="Depth engine, where the studio itself looks at a picture without a sample.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Items taken at most, the first.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the model's dice.")]


def psg(
    engine: Engine,
    images: Annotated[Path, typer.Option(help="Folder of pictures.")],
    out: Out,
    questions: Annotated[
        Path | None, typer.Option(help="PSG questions with what is true, JSON Lines; without, every picture, unscored.")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Folder of sample folders made from the pictures; others are analysed.")
    ] = None,
    synonyms: Annotated[Path | None, typer.Option(help="Words of one meaning, a line each, separated by commas.")] = None,
    depth: Depth = "cues",
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Hold what is said against the studio's measurements.")
    ] = True,
    limit: Limit = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Ask for the scene graph of each picture in grounded text; score it, and let geometry judge what is said."""
    from spacestudio.services.run_psg import Options, lines, run

    options = Options(engine, images, questions, samples, synonyms, depth, limit, seed, compare)
    with _kept(out):
        made, report = run(options, out, tell)
    _finished(made, report, as_json, lines(report))


def proximity(
    engine: Engine,
    questions: Annotated[Path, typer.Option(help="Question set, as questions proximity writes it (JSON Lines).")],
    out: Out,
    images: Annotated[
        Path | None, typer.Option(help="Folder the pictures are below; without, that of the questions.")
    ] = None,
    depth: Depth = "cues",
    limit: Limit = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Ask how deep things are and which of two is closer, and score the answers."""
    from spacestudio.services.run_proximity import Options, lines, run

    with _kept(out):
        made, report = run(Options(engine, questions, images, depth, limit, seed), out, tell)
    _finished(made, report, as_json, lines(report))


@contextmanager
def _kept(out: Path) -> Iterator[None]:
    """Ctrl+C says what became of the answers so far."""
    try:
        yield
    except KeyboardInterrupt:
        fail(f"Stopped. The answers so far are kept in {out}; the same command goes on from there.", 130)


def _finished(made: Run, report: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """The report; items without an answer are named, and make the exit status 1."""
    answer(report, as_json, lines)
    if made.counts.calls:
        tell(f"language model: {made.counts.line}")
    for item, error in made.failed:
        tell(f"{item}: {error}")
    if made.left:
        tell(f"{len(made.left)} more were not asked; the same command goes on from there.")
    if not made.whole:
        sys.exit(1)
