"""Bars of one number per group, with its interval where there is one."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from spacestudio.figures.style import CLEAR, FAINT, layout, look, plain, short

BAR = "#6366f1"
"""No verdict's colour; 3:1 on white and on black."""
ROW = 20
"""Height of a bar with its gap, px."""


def bars_figure(
    names: Sequence[str],
    values: Sequence[float],
    lows: Sequence[float | None],
    highs: Sequence[float | None],
    title: str,
    axis: str,
    dark: bool = False,
) -> go.Figure:
    """Lying bars, the first on top.

    Args:
        names: of the groups, N of them; two may be alike.
        values: N numbers.
        lows, highs: N ends of intervals, None where there is none.
        title, axis: what is shown, and the name of the numbers.
        dark: whether the page is.
    """
    ink = look(dark).ink
    places = list(range(len(names)))
    above = [0.0 if high is None else max(0.0, high - v) for v, high in zip(values, highs, strict=True)]
    below = [0.0 if low is None else max(0.0, v - low) for v, low in zip(values, lows, strict=True)]
    known = any(above) or any(below)
    bars = go.Bar(
        x=list(values), y=places, orientation="h", marker={"color": BAR}, width=0.7,
        customdata=[plain(name) for name in names], hovertemplate="%{customdata}: %{x:.4g}<extra></extra>",
        error_x={"type": "data", "array": above, "arrayminus": below, "color": ink, "thickness": 1.2, "width": 3}
        if known else None,
    )  # fmt: skip
    y_axis = {
        "tickmode": "array", "tickvals": places, "ticktext": [short(name, 28) for name in names], "automargin": True,
        "ticks": "outside", "ticklen": 5, "tickcolor": CLEAR, "range": [len(places) - 0.5, -0.5], "fixedrange": True,
    }  # fmt: skip
    words = plain(axis) + (", with 95 % intervals" if known else "")
    x_axis = {"title": {"text": words}, "automargin": True, "gridcolor": FAINT, "zeroline": True, "fixedrange": True}
    return go.Figure(
        bars,
        layout(dark, plain(title), height=96 + ROW * len(places), xaxis=x_axis, yaxis=y_axis, plot_bgcolor=CLEAR),
    )
