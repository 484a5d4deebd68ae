"""captions: annotations to captions with explicit relations; captions sheet: some of them for people to judge."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from spacestudio.cli.common import RULES, Json, answer, tell

app = typer.Typer(invoke_without_command=True, help="Captions with explicit relations (SR4G), from COCO annotations.")


@app.callback()
def captions(
    context: typer.Context,
    coco: Annotated[Path | None, typer.Option(help="COCO instances or panoptic JSON, of any size.")] = None,
    panoptic: Annotated[
        Path | None, typer.Option(help="Panoptic JSON: its stuff beside --coco, or all of it alone.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="FILE.parquet, FILE.jsonl, or a folder for WebDataset shards.")] = None,
    rules: Annotated[str, typer.Option(help=f"Rule set: {RULES}.")] = "sstd",
    relations: Annotated[
        str, typer.Option(help="Only these, comma-separated; projective, topological and scale stand for several.")
    ] = "",
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="How clear a relation must be; 0.05: centres off by 5 %, sizes 10 % apart.")
    ] = 0.0,
    min_area: Annotated[float, typer.Option(min=0, max=1, help="Boxes must cover more than this share.")] = 0.01,
    instances: Annotated[
        str,
        typer.Option(
            help="one: categories with one instance in the picture; agree: the relation holds for all; any: no check."
        ),
    ] = "one",
    inverse: Annotated[
        bool, typer.Option("--inverse/--no-inverse", help="Tell both orders of a pair, or one of them.")
    ] = True,
    split_unseen: Annotated[
        int | None, typer.Option(min=0, help="Seed: half of the categories for training only, the other for test only.")
    ] = None,
    shares: Annotated[str, typer.Option(help="Of the pictures: train, validation, test.")] = "80,10,10",
    balance: Annotated[str, typer.Option(help="relation, or triplet: as many captions of each.")] = "",
    per_relation: Annotated[int | None, typer.Option(min=1, help="Most captions of a relation in a split.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder of the pictures, to put them into shards.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same input and seed, same bytes.")] = 0,
    as_json: Json = False,
) -> None:
    """Captions with explicit relations (SR4G), from COCO annotations.

    What is left out is counted and the first few named; the rest goes on.
    """
    if context.invoked_subcommand:
        return
    from spacestudio.captions.sampling import Balance
    from spacestudio.captions.sr4g import Instances
    from spacestudio.services.captions import Wanted, draw

    if out is None or (coco is None and panoptic is None):
        raise typer.BadParameter("give --coco FILE, --panoptic FILE or both, and --out", param_hint="--coco")
    for option, given, known in (("--balance", balance, get_args(Balance)), ("--instances", instances, get_args(Instances))):
        if given not in known:
            raise typer.BadParameter(" or ".join(filter(None, known)), param_hint=option)
    wanted = Wanted(
        coco,
        panoptic,
        rules,
        tuple(part.strip() for part in relations.split(",") if part.strip()),
        margin,
        min_area,
        cast(Instances, instances),
        inverse,
        split_unseen,
        _shares(shares),
        cast(Balance, balance),
        per_relation,
        seed,
        pictures,
    )
    drawn = draw(wanted, out, tell)
    counts = drawn.about["counts"]
    value = {"files": [str(path) for path in drawn.files], **drawn.about}
    lines = [f"{counts['captions']:,} captions of {counts['pictures_told']:,} pictures -> {out}"]
    for split, numbers in counts["splits"].items():
        lines.append(f"{split:12}" + ", ".join(f"{name} {count:,}" for name, count in numbers.items() if count))
    answer(value, as_json, lines)
    for line in drawn.about["left_out"].values():
        tell(f"left out or changed: {line}")


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) != 3 or not all(0 <= share < math.inf for share in shares) or not sum(shares):
        raise typer.BadParameter("three numbers for train, validation and test, such as 80,10,10", param_hint="--shares")
    return shares


@app.command()
def sheet(
    file: Annotated[Path, typer.Argument(help="Captions: .parquet, .jsonl or folder of shards.")],
    out: Annotated[Path, typer.Option(help="FILE.csv for a spreadsheet, FILE.html for a browser.")],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Captions, balanced over relations.")] = 140,
    pictures: Annotated[Path | None, typer.Option(help="Folder of the pictures, named relative to the sheet.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same captions and seed, same sheet.")] = 0,
    as_json: Json = False,
) -> None:
    """A sheet on which people say whether captions hold; “score captions --sheet” reads it back."""
    from spacestudio.services.caption_sheet import sheet

    counts = sheet(file, out, count, pictures, seed)
    lines = [f"{sum(counts.values())} captions -> {out}", ", ".join(f"{name} {n}" for name, n in counts.items())]
    answer({"file": str(out), "captions": sum(counts.values()), "relations": counts}, as_json, lines)
