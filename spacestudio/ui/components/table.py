"""A table; text is shown as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gradio as gr


def table(
    columns: Mapping[str, int], label: str, elem_id: str, max_height: int = 420, editable: Sequence[str] = ()
) -> gr.Dataframe:
    """A table with the given columns and their widths in percent; cells wrap, those of editable columns can be typed in."""
    return gr.Dataframe(
        headers=list(columns),
        column_widths=[f"{width}%" for width in columns.values()],
        datatype="str",
        interactive=bool(editable),
        static_columns=[place for place, name in enumerate(columns) if name not in editable] if editable else None,
        label=label,
        elem_id=elem_id,
        elem_classes="dense",
        max_height=max_height,
        wrap=True,
        buttons=[],
    )
