from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacestudio.cli import app
from spacestudio.errors import InputError
from spacestudio.formats.skg import read_skg
from spacestudio.reasoning.consistency import first_clash, implied
from spacestudio.services.graphs import (
    Checked,
    Read,
    all_clashes,
    checked,
    consequences,
    doubts,
    graphs_in,
    redundancies,
    write_reduced,
)
from tests.reasoning.worlds import facts


def written(tmp_path: Path, *triples: Any, **changes: Any) -> Path:
    path = tmp_path / "skg.json"
    path.write_text(json.dumps([{"chosen_objects": ["cup", "plate", "lamp"], "objects_kg": triples} | changes]))
    return path


def verdict(tmp_path: Path, *triples: Any) -> Checked:
    (row,), _ = graphs_in(written(tmp_path, *triples))
    return checked(row)


@pytest.mark.parametrize(
    ("triples", "conflict"),
    [
        ([[0, "left of, right of", 1]], [0]),
        ([[2, "on", 0], [0, "below, on", 2]], [1]),
        ([["0", "left of", "1"], ["1", "left of", "0"]], [0, 1]),
        ([[0, "left of", 1], [1, "left of", 2], [2, "near, left of", 0]], [0, 1, 2]),
        ([[0, "to the left of and above", 1], [1, "Upper left of", 0]], [0, 1]),
        ([[0, "left of", 1], [1, "left of", 2], [2, "left of", 0], [0, "far, near", 2]], [3]),
    ],
)
def test_the_conflict_is_the_files_own_triples_and_none_too_many(
    triples: list[Any], conflict: list[int], tmp_path: Path
) -> None:
    found = verdict(tmp_path, *triples)
    assert not found.consistent
    assert sorted(map(str, found.conflict)) == sorted(str(triples[k]) for k in conflict)
    assert "can't" in found.words


def test_a_possible_graph_has_no_conflict(tmp_path: Path) -> None:
    found = verdict(tmp_path, [0, "in front of and to the left of", 1], [1, "far from", 2])
    assert (found.consistent, found.conflict, found.words) == (True, [], "possible")


def test_what_consistency_leaves_open_is_said(tmp_path: Path) -> None:
    (row,), _ = graphs_in(written(tmp_path, [0, "chasing", 1], [0, "near", 1], negative_objects="lamp, car"))
    assert row.graph is not None
    assert checked(row).consistent
    absent, unknown = doubts(row.graph)
    assert "lamp" in absent and "must not appear" in absent
    assert unknown == "not checked: cup is chasing plate"


TRIPLES = [[0, "on the left of, near", 1], ["1", "left of and above", 2], [0, "to the left of and above, near", 2]]
MORE = [[1, "right of", "0"], [2, "on, above", 1], [0, "chasing", 1], [7, "on", 1], ["0", "Left of", 1]]


def reduced_to(tmp_path: Path, *triples: Any) -> list[Any]:
    """The triples that are left."""
    file, out = written(tmp_path, *triples), tmp_path / "small.json"
    assert write_reduced(file, graphs_in(file)[0], out) == []
    kept: list[Any] = json.loads(out.read_text())[0]["objects_kg"]
    return kept


def test_a_reduced_file_keeps_ids_and_phrases_and_loses_what_follows(tmp_path: Path) -> None:
    assert reduced_to(tmp_path, *TRIPLES, *MORE[:1], *MORE[2:]) == [
        TRIPLES[0], TRIPLES[1], [0, "above, near", 2], [0, "chasing", 1], [7, "on", 1],
    ]  # fmt: skip
    assert reduced_to(tmp_path, [0, "on, above", 1], [0, "on", 2]) == [[0, "on", 1], [0, "on", 2]]
    assert reduced_to(tmp_path, [0, " near,left of,", 1]) == [[0, " near,left of,", 1]]
    assert reduced_to(tmp_path, [0, "near", 1], [0, "near", 1], ["0", "close to", "1"]) == [[0, "near", 1]]
    assert reduced_to(tmp_path, [0, "upper left of", 1], [0, "left of", 1], "odd", [0, "", 1], [1, "on", 1]) == [
        [0, "upper left of", 1], "odd", [0, "", 1], [1, "on", 1],
    ]  # fmt: skip


def test_of_two_predicates_in_a_few_words_one_may_stay(tmp_path: Path) -> None:
    assert reduced_to(tmp_path, [0, "on, upper left of", 1]) == [[0, "on, on the left of", 1]]
    assert reduced_to(tmp_path, [0, "on", 1], [0, "near, behind and above", 1]) == [[0, "on", 1], [0, "near, behind", 1]]


def test_all_else_of_a_reduced_file_stays_and_what_is_kept_whole_is_named(tmp_path: Path) -> None:
    file, out = tmp_path / "skg.json", tmp_path / "small.json"
    possible = {"scene": "é", "chosen_objects": ["cup", "plate"], "mine": 1.5, "objects_kg": [[0, "on, above", 1]]}
    clash = {"chosen_objects": ["cup", "plate"], "objects_kg": [[0, "on, below", 1], [0, "near", 1], [1, "near", 0]]}
    bare = {"chosen_objects": ["cup"]}
    file.write_text(json.dumps([possible, clash, 7, bare]))
    told = write_reduced(file, graphs_in(file)[0], out)
    assert json.loads(out.read_text()) == [possible | {"objects_kg": [[0, "on", 1]]}, clash, 7, bare]
    assert [line.split(" is written as it stands: ")[0] for line in told] == ["graph 1", "graph 2"]
    file.write_text(json.dumps(possible))
    write_reduced(file, graphs_in(file)[0], file)
    assert json.loads(file.read_text()) == possible | {"objects_kg": [[0, "on", 1]]}
    with pytest.raises(InputError, match="can't be written"):
        write_reduced(file, graphs_in(file)[0], tmp_path / "no" / "such" / "folder.json")


WORDS = ("left of", "on the right of", "above", "below", "in front of", "behind", "on", "inside", "near", "beside", "far",
         "smaller", "wider", "taller", "upper left of", "in front of and above", "at the same depth as", "chasing")  # fmt: skip
phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(", ".join)
pairs = st.permutations(range(5)).map(lambda order: order[:2])
files = st.lists(st.builds(lambda pair, phrase: [pair[0], phrase, pair[1]], pairs, phrases), max_size=9)
layered = st.lists(st.builds(lambda pair, phrase: [min(pair), phrase, max(pair)], pairs, phrases), max_size=9)


@given(files | layered)
def test_a_reduced_file_says_the_same(tmp_path_factory: pytest.TempPathFactory, triples: list[Any]) -> None:
    file = tmp_path_factory.mktemp("skg") / "skg.json"
    row = {"chosen_objects": list("abcde"), "objects_kg": triples}
    file.write_text(json.dumps(row))
    read, _ = graphs_in(file)
    write_reduced(file, read, file)
    small = json.loads(file.read_text())
    (before,), (after,) = (read_skg(r).graphs for r in (row, small))
    assert before is not None and after is not None
    if first_clash(before):
        assert small == row
        return
    told = [facts((*graph, *implied(graph, every=True))) for graph in (before, after)]
    assert told[0] == told[1]
    (again,), _ = graphs_in(file)
    assert redundancies(again) == []


def test_every_clash_comes_with_ways_out(tmp_path: Path) -> None:
    cycle = [[0, "left of", 1], [1, "left of", 2], [2, "near, left of", 0]]
    (row,), _ = graphs_in(written(tmp_path, *cycle, [0, "far", 2]))
    found = all_clashes(row)
    assert [len(c.conflict) for c in found] == [2, 3]
    assert found[0].conflict == checked(row).conflict and found[0].words == checked(row).words
    assert sorted(map(str, found[1].conflict)) == sorted(map(str, cycle))
    assert "Drop “cup is left of plate”." in found[1].repairs
    assert consequences(row) == redundancies(row) == []
    assert all_clashes(Read(0, None, "broken")) == consequences(Read(0, None, "broken")) == []


def test_what_follows_is_told_with_the_files_own_triples(tmp_path: Path) -> None:
    (row,), _ = graphs_in(written(tmp_path, TRIPLES[0], TRIPLES[1], [2, "on", 1]))
    assert all_clashes(row) != []
    (row,), _ = graphs_in(written(tmp_path, TRIPLES[0], ["1", "left of, on", 2]))
    found = {str(d.triple): d for d in consequences(row)}
    assert found["[0, 'on the left of', 2]"].because == [TRIPLES[0], ["1", "left of, on", 2]]
    assert found["[1, 'above', 2]"].because == [["1", "left of, on", 2]]
    assert found["[1, 'above', 2]"].words == "plate is above lamp follows from plate is on lamp."
    (row,), _ = graphs_in(written(tmp_path, [0, "near, left of", 1], ["1", "right of", 0]))
    (gone,) = redundancies(row)
    assert (gone.triple, gone.because) == (["1", "right of", 0], [[0, "near, left of", 1]])


def test_how_many_absent_things_are_there(tmp_path: Path) -> None:
    dogs = {"chosen_objects": ["dog", "Dog", "cat"], "attributes": {"1": "a brown Dog"}, "negative_objects": "dogs"}
    (row,), _ = graphs_in(written(tmp_path, [0, "near", 1], **dogs))
    assert row.graph is not None and checked(row).consistent
    assert doubts(row.graph) == ["2 dogs are in the graph (dog-1, dog-2), and dogs must not appear."]


def test_the_command_line_adds_keys_only_when_asked(tmp_path: Path) -> None:
    file, out = written(tmp_path, *TRIPLES[:2], [1, "right of", 0]), tmp_path / "small.json"

    def run(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["check-graph", str(file), *options])
        return done.exit_code, done.stdout

    (plain,) = json.loads(run("--json")[1])["graphs"]
    assert plain == {"index": 0, "consistent": True, "conflict": []}
    (row,) = json.loads(run("--json", "--explain", "--implied", "--reduced", str(out))[1])["graphs"]
    assert {k: row[k] for k in plain} == plain
    assert set(row) - set(plain) == {"clashes", "implied", "dropped"}
    assert {"triple": [0, "on the left of", 2], "from": TRIPLES[:2]} in row["implied"]
    assert row["dropped"] == [{"triple": [1, "right of", 0], "from": [TRIPLES[0]]}]
    assert json.loads(out.read_text())[0]["objects_kg"] == TRIPLES[:2]
    code, lines = run("--implied", "--reduced", str(out))
    assert code == 0 and "  implied: cup is left of lamp follows from" in lines and "  dropped: " in lines
    file = written(tmp_path, [0, "left of, right of", 1])
    code, text = run("--json", "--explain")
    (row,) = json.loads(text)["graphs"]
    assert code == 1 and row["clashes"][0]["conflict"] == row["conflict"] == [[0, "left of, right of", 1]]
    assert "Drop “cup is left of plate”." in row["clashes"][0]["repairs"]
    assert "    Drop “cup is left of plate”." in run("--explain")[1]
