"""The matching is a matching, and no other is larger."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from spacestudio.metrics.matching import matched

EDGES = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=30)


@given(EDGES)
def test_as_many_as_possible(edges):
    one, other = (np.array(side, np.intp) for side in (zip(*sorted(edges), strict=True) if edges else ((), ())))
    found = matched(one, other, 8)
    graph = csr_array((np.ones(len(one)), (one, other)), (8, 8))
    assert found.sum() == (maximum_bipartite_matching(graph, perm_type="column") >= 0).sum()
    assert not found[[k for k in range(8) if k not in one]].any()


def test_others_move_to_make_room():
    one, other = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 2, 0])
    assert matched(one, other, 4).tolist() == [True, True, True, False]
