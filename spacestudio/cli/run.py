"""run NAME: ask a model, keep its answers, score them; resumed where it stopped."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Ask a model, keep its answers, score them; resumed where it stopped.")


@app.callback()
def _run() -> None:
    """Ask a model, keep its answers, score them; resumed where it stopped."""
