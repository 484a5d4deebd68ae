"""What all commands share: options, results, progress, one-line failures."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from spacestudio.relations.rules import RULE_SETS

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Depth = Annotated[str, typer.Option(help="Depth engine, depth file, or folder of depth files matched by name.")]
DepthKind = Annotated[str, typer.Option(help="metric, relative or disparity.")]
CameraOption = Annotated[str, typer.Option(help="Camera file, or fx,fy,cx,cy in px.")]
Objects = Annotated[str, typer.Option(help="Object engine, ENGINE:MODEL, or COCO file.")]
Labels = Annotated[str, typer.Option(help="What to look for, comma-separated; without, COCO's 80 names.")]
Masks = Annotated[str, typer.Option(help="Mask engine, or ENGINE:MODEL.")]
DepthScale = Annotated[
    float | None, typer.Option(help="Raw units per metre of an integer depth file; else what the camera file states.")
]

DEPTH_KINDS = ("metric", "relative", "disparity")
RULES = ", ".join(RULE_SETS)
"""The rule sets, for help texts."""


def check_depth(kind: str, scale: float | None) -> None:
    """Whether --depth-kind and --depth-scale can be.

    Raises:
        typer.BadParameter: one can't.
    """
    if kind not in ("", *DEPTH_KINDS):
        raise typer.BadParameter(", ".join(DEPTH_KINDS), param_hint="--depth-kind")
    if scale is not None and not 0 < scale < math.inf:
        raise typer.BadParameter("a number above 0", param_hint="--depth-scale")


def fail(line: str, status: int = 1) -> NoReturn:
    """One line on standard error, and the exit status."""
    print(line, file=sys.stderr)
    sys.exit(status)


def tell(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def answer(value: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """The result: one JSON object, or lines to read."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False))
    else:
        for line in lines:
            print(line)
