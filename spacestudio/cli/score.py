"""score NAME: predictions against truths."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Score predictions; every figure comes with its counts and its definition.")


@app.callback()
def _score() -> None:
    """Score predictions; every figure comes with its counts and its definition."""
