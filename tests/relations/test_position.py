"""Position in the frame: the grid, its band, and the mirror."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.relations.position import BAND, CELLS, COLUMNS, ROWS, positions, positions_of_points

SIDE = 1000
"""With whole pixels here no centre lies exactly at the band's edge, nor on a line."""
OTHER = {"left": "right", "right": "left", "top": "bottom", "bottom": "top", "center": "center"}


@st.composite
def boxes(draw):
    """(N, 4) whole pixels, some of them beyond the picture."""
    corner = st.integers(-SIDE // 4, SIDE + SIDE // 4)
    corners = draw(st.lists(st.tuples(corner, corner, corner, corner), min_size=1, max_size=20))
    b = np.array(corners, float)
    return np.concatenate((np.minimum(b[:, :2], b[:, 2:]), np.maximum(b[:, :2], b[:, 2:])), axis=1)


@given(boxes())
def test_one_box_at_a_time(px):
    found = positions(px / SIDE)
    assert len(found) == len(px)
    for i, (x0, y0, x1, y1) in enumerate(px):
        across, down = (x0 + x1) / 2 / SIDE, (y0 + y1) / 2 / SIDE
        words, margins = [], []
        for share, names in ((across, COLUMNS), (down, ROWS)):
            words.append(names[0] if share < 1 / 3 else names[1] if share < 2 / 3 else names[2])
            margins.append(share if share < 0 else 1 - share if share > 1 else min(abs(share - 1 / 3), abs(share - 2 / 3)))
        assert [found.horizontal[i], found.vertical[i]] == words
        assert found.cell[i] == ("center" if words == ["center", "center"] else f"{words[1]} {words[0]}")
        assert found.margins[i] == pytest.approx(margins, abs=1e-12)
        assert found.verdict[i] == ("true" if min(margins) >= BAND else "undecided")


@given(boxes())
def test_a_mirror_swaps_left_and_right_and_nothing_else(px):
    mirrored = np.stack((SIDE - px[:, 2], px[:, 1], SIDE - px[:, 0], px[:, 3]), axis=1)
    seen, turned = positions(px / SIDE), positions(mirrored / SIDE)
    assert [OTHER[word] for word in seen.horizontal] == turned.horizontal.tolist()
    assert seen.vertical.tolist() == turned.vertical.tolist()
    assert seen.verdict.tolist() == turned.verdict.tolist()
    np.testing.assert_allclose(seen.margins, turned.margins, atol=1e-12)


@given(boxes())
def test_a_transposed_picture_swaps_rows_and_columns(px):
    seen, turned = positions(px / SIDE), positions(px[:, [1, 0, 3, 2]] / SIDE)
    assert [ROWS[COLUMNS.index(word)] for word in seen.horizontal] == turned.vertical.tolist()
    assert seen.verdict.tolist() == turned.verdict.tolist()
    np.testing.assert_array_equal(seen.margins, turned.margins[:, ::-1])


@pytest.mark.parametrize(
    ("x", "y", "cell", "verdict"),
    [
        (0.1, 0.1, "top left", "true"),
        (0.5, 0.1, "top center", "true"),
        (0.9, 0.5, "center right", "true"),
        (0.5, 0.5, "center", "true"),
        (0, 0, "top left", "true"),
        (1, 1, "bottom right", "true"),
        (1 / 3, 0.5, "center", "undecided"),
        (0.5, 0.69, "bottom center", "undecided"),
        (0.3034, 0.5, "center left", "undecided"),
        (0.303, 0.5, "center left", "true"),
        (0.6, 0.637, "center", "undecided"),
        (-0.2, 0.5, "center left", "undecided"),
        (0.5, 1.01, "bottom center", "undecided"),
        (1e30, -1e30, "top right", "undecided"),
        (np.inf, 0.5, "center right", "undecided"),
        (np.nan, 0.1, "top left", "undecided"),
    ],
)
def test_by_hand(x, y, cell, verdict):
    found = positions_of_points([(x, y)])
    assert (found.cell[0], found.verdict[0]) == (cell, verdict)


def test_outside_the_margin_is_minus_the_way_back():
    found = positions([(-0.5, 0, 0.1, 0.2), (0.9, 0.9, 1.3, 1.7)])
    np.testing.assert_allclose(found.margins, [(-0.2, 1 / 3 - 0.1), (-0.1, -0.3)], atol=1e-12)


def test_none_at_all():
    found = positions([])
    assert len(found) == 0 and found.margins.shape == (0, 2) and found.verdict.shape == (0,)


def test_the_nine_parts():
    middles = [((column + 0.5) / 3, (row + 0.5) / 3) for row in range(3) for column in range(3)]
    found = positions_of_points(middles)
    assert tuple(found.cell) == CELLS and len(set(CELLS)) == 9
    assert set(found.verdict) == {"true"}
    np.testing.assert_allclose(found.margins, 1 / 6)
