"""run NAME: ask a model, keep its answers, score them; resumed where it stopped."""

from __future__ import annotations

import typer

from spacestudio.cli.run_model import proximity, psg
from spacestudio.cli.run_visor import visor

app = typer.Typer(no_args_is_help=True, help="Ask a model, keep its answers, score them; resumed where it stopped.")


@app.callback()
def _run() -> None:
    """Ask a model, keep its answers, score them; resumed where it stopped."""


app.command()(psg)
app.command()(proximity)
app.command()(visor)
