"""dataset NAME and holdout: sample folders as a data set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from spacestudio.cli.common import Json, Out, answer, tell
from spacestudio.errors import InputError

app = typer.Typer(no_args_is_help=True, help="What a data set holds, what is there twice, what to compare training with.")
Samples = Annotated[Path, typer.Option(help="Folder of sample folders.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same parts.")]
Near = Annotated[int, typer.Option(min=0, max=32, help="Bits of 64 in which hashes of pictures that look alike may differ.")]


@app.command("stats")
def _stats(samples: Samples, as_json: Json = False) -> None:
    """How often which objects and relations occur."""
    from spacestudio.services.datasets import TOP, cards, statistics

    found, problems = cards(samples)
    value = statistics(found)
    lines = [f"{value['samples']} samples, {value['scenes']} scenes, {value['distinct_objects']} kinds of objects, "
             f"{value['distinct_relations']} relations"]  # fmt: skip
    for name in ("objects", "relations", "objects_per_picture", "questions"):
        lines += ["", name.replace("_", " "), *_bars(list(value[name].items())[:TOP])]
    _told(value, problems, as_json, lines)


def _bars(rows: Sequence[tuple[str, int]]) -> list[str]:
    longest = max((n for _, n in rows), default=1)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:{width}} {n:6} {'█' * max(1, round(30 * n / longest))}" for name, n in rows]


@app.command("duplicates")
def _duplicates(
    samples: Samples,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write the data set without them to.")] = None,
    near: Near = 4,
    up_to_names: Annotated[
        bool, typer.Option("--up-to-names", help="Graphs of one shape are alike whatever the objects are.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Graphs that are isomorphic, and pictures that look alike."""
    from spacestudio.services.datasets import cards, duplicates, without_duplicates, write_parts

    found, problems = cards(samples)
    groups = duplicates(found, near, not up_to_names)
    kept, gone = without_duplicates(found, near, not up_to_names)
    facts = {"samples": len(found), "kept": len(kept), "near": near, "up_to_names": up_to_names}
    lines = [f"{len(found)} samples, {len(kept)} without duplicates"]
    lines += [f"{kind}: {', '.join(group)}" for kind, of in groups.items() for group in of]
    files = write_parts({"kept": kept}, out, facts | {"gone": [c.id for c in gone]}, "kept.json") if out else []
    _told(facts | groups | {"files": [str(f) for f in files]}, problems, as_json, lines)


@app.command("ablate")
def _ablate(
    samples: Samples,
    out: Out,
    by: Annotated[
        str, typer.Option(help="relations: all against none of one kind. objects: by their number.")
    ] = "relations",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Sets of one size to compare training with (SKG2Data's Figure 5)."""
    from spacestudio.services.datasets import ablations, cards, write_parts

    if by not in ("relations", "objects"):
        raise typer.BadParameter("relations or objects", param_hint="--by")
    found, problems = cards(samples)
    parts = ablations(found, by, seed)
    size = len(next(iter(parts.values())))
    facts = {"by": by, "seed": seed, "samples": len(found), "size": size}
    files = write_parts(parts, out, facts, "ablation.json")
    lines = [f"{len(parts)} sets of {size} samples: {', '.join(parts)} -> {out}"]
    _told(facts | {"sets": list(parts), "files": [str(f) for f in files]}, problems, as_json, lines)


def holdout(
    samples: Samples,
    out: Out,
    share: Annotated[float, typer.Option(min=0.0, max=0.9, help="Largest share of the samples to hold out.")] = 0.1,
    near: Near = 4,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Training and holdout samples that share no scene, no combination of objects and no picture that looks alike."""
    from spacestudio.services.datasets import cards, leaks, split, write_parts

    found, problems = cards(samples)
    made = split(found, share, seed, near)
    if shared := leaks(made.train, made.holdout, near):
        raise InputError(f"The parts still share {'; '.join(shared[:3])}", next_step="Please report this defect")
    facts: dict[str, Any] = {"samples": len(found), "share": share, "seed": seed, "near": near, "groups": made.groups}
    files = write_parts({"train": made.train, "holdout": made.holdout}, out, facts, "split.json")
    counts = {"n_train": len(made.train), "n_holdout": len(made.holdout)}
    lines = [f"{counts['n_train']} samples to train with, {counts['n_holdout']} held out, in {made.groups} groups -> {out}"]
    _told(facts | counts | {"files": [str(f) for f in files]}, problems, as_json, lines)


def _told(value: dict[str, Any], problems: list[str], as_json: bool, lines: list[str]) -> None:
    """The result; exit status 1 when a folder could not be read."""
    answer(value | {"failed": [{"item": "", "error": problem} for problem in problems]}, as_json, lines)
    for problem in problems:
        tell(problem)
    if problems:
        sys.exit(1)
