"""A read-only table; text is shown as text."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr


def table(columns: Mapping[str, int], label: str, elem_id: str, max_height: int = 420) -> gr.Dataframe:
    """A table with the given columns and their widths in percent; cells wrap."""
    return gr.Dataframe(
        headers=list(columns),
        column_widths=[f"{width}%" for width in columns.values()],
        datatype="str",
        interactive=False,
        label=label,
        elem_id=elem_id,
        elem_classes="dense",
        max_height=max_height,
        wrap=True,
        buttons=[],
    )
