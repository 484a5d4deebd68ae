"""prompts NAME: what to ask text-to-image models for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacestudio.cli.common import RULES, Json, answer

app = typer.Typer(no_args_is_help=True, help="Prompts for text-to-image models, as VISOR and its scorer read them.")
To = Annotated[Path, typer.Option("--out", help="JSON file to write.")]


@app.command()
def sr2d(out: To, as_json: Json = False) -> None:
    """SR2D's 31,680 prompts, the published file byte for byte."""
    from spacestudio.services.prompts import write_sr2d

    _told(out, write_sr2d(out), as_json)


@app.command()
def relations(
    out: To,
    rules: Annotated[str, typer.Option(help=f"Rule set whose relations are asked for: {RULES}.")] = "sstd",
    objects: Annotated[
        Path | None, typer.Option(help="Names of objects, one a line or a JSON list; without, COCO's 80.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The same for every relation of a rule set and any objects; --rules visor without --objects gives SR2D."""
    from spacestudio.services.prompts import write_relations

    _told(out, write_relations(out, rules, objects), as_json)


def _told(out: Path, count: int, as_json: bool) -> None:
    answer({"file": str(out), "n_prompts": count}, as_json, [f"{out}: {count:,} prompts"])
