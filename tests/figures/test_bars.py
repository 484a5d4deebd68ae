"""Bars with intervals."""

from spacestudio.figures.bars import bars_figure
from tests.support import HOSTILE


def test_bars_stand_from_the_top_with_their_intervals():
    figure = bars_figure(
        ["on", "on", HOSTILE], [10.0, 20.0, 5.0], [8.0, None, 6.0], [13.0, None, 7.0], "By relation", "recall"
    )
    (bars,) = figure.data
    assert list(bars.x) == [10.0, 20.0, 5.0]
    assert list(bars.y) == [0, 1, 2]  # two of one name stay apart
    assert list(bars.error_x.array) == [3.0, 0.0, 2.0]
    assert list(bars.error_x.arrayminus) == [2.0, 0.0, 0.0]  # an end on the wrong side is no negative length
    assert list(figure.layout.yaxis.range) == [2.5, -0.5]
    assert figure.layout.xaxis.title.text == "recall, with 95 % intervals"
    assert "<img" not in "".join(figure.layout.yaxis.ticktext) + bars.customdata[2]
    assert figure.layout.height > bars_figure(["a"], [1.0], [None], [None], "", "n").layout.height


def test_without_intervals_none_are_spoken_of():
    figure = bars_figure(["a"], [1.0], [None], [None], "t", "n")
    assert figure.layout.xaxis.title.text == "n"
    assert figure.data[0].error_x.array is None
