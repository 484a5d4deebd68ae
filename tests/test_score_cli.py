"""`score NAME` as a person or a script uses it; every scorer there is has its command by itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from spacestudio.cli.score import app, command, lines
from spacestudio.metrics.report import Figure, Item, Report, Table
from spacestudio.services.scores import SCORERS
from tests.services.test_scores import ANSWERS, MAIN, QUESTIONS, write
from tests.support import ROOT
from tests.test_cli import run

REPORT = Report(
    "A score", "ours: what it means",
    (Figure("recall", 52.4451, 1186, 49.8, 55.1), Figure("none", None, 0), Figure("mean", 9.5, 200, unit="")),
    {"n_images": 200},
    (Table("Per predicate", ("predicate", "recall"), (("in front of", 5.5), ("on", None))),),
    Table("Published: rows", ("method", "recall"), (("IMP", 16.5),)),
    (Item("7", "7.jpg", 0.25, "3 of 4\nnot found"),),
    ("a note",),
)  # fmt: skip


@pytest.fixture
def files(tmp_path):
    def made(name, answers=None):
        questions = write(tmp_path / "q.jsonl", QUESTIONS[name])
        return ["--questions", questions, "--answers", write(tmp_path / "a.jsonl", answers or ANSWERS[name])]

    return made


@pytest.mark.parametrize("name", MAIN)
def test_json_is_one_object(name, files):
    done = run("score", name, *files(name), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[MAIN[name]] == 100


def test_psg_prints_what_the_design_promises(files):
    value = json.loads(run("score", "psg", *files("psg"), "--as-published", "--no-lemmas", "--json").stdout)
    assert {"n_images", "recall", "mean_recall", "as_published", "n_predicates", "per_predicate"} <= set(value)
    assert value["as_published"] is True and value["n_images"] == 3 and value["definition"].startswith("as published")


def test_without_json_it_is_to_be_read(files):
    done = run("score", "psg", *files("psg"))
    assert done.returncode == 0, done.stderr
    for word in ("recall", "100.00", "corrected:", "ASMv2-13B", "n_images", "95 % interval"):
        assert word in done.stdout


def test_a_line_that_cant_be_read_is_named_and_the_rest_scored(files):
    done = run("score", "choice", *files("choice", [*ANSWERS["choice"], '{"question_id": 3, "te']), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["accuracy"] == 100
    assert "a.jsonl, line 5" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["psg", "--questions", "/nowhere", "--answers", "/nowhere"], 1, "/nowhere|nowhere"),
        (["psg", "--answers", "x"], 2, "questions"),
        (["no-such-scorer"], 2, "no-such-scorer"),
        (["psg", "--questions", "q", "--answers", "a", "--no-such-thing"], 2, "no-such-thing"),
    ],
)
def test_wrong_usage_and_wrong_input(args, status, words):
    done = run("score", *args)
    assert done.returncode == status
    assert re.search(words, done.stderr) and "Traceback" not in done.stderr
    assert status == 2 or len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", list(SCORERS))
def test_every_scorer_has_its_command_with_all_its_options(name):
    scorer = SCORERS.load(name)
    assert scorer.name == name
    done = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for option in (*scorer.files, *scorer.choices):
        assert f"--{option.name.replace('_', '-')}" in done.output
        assert option.help.split(",")[0][:30] in " ".join(done.output.split())
    assert "--json" in done.output


def test_a_scorers_signature_tells_types_and_defaults():
    parameters = command(SCORERS.load("psg")).__signature__.parameters
    assert list(parameters) == ["questions", "answers", "synonyms", "as_published", "lemmas", "as_json"]
    assert parameters["as_published"].default is False and parameters["lemmas"].default is True
    assert parameters["synonyms"].default is None and parameters["questions"].default is parameters["questions"].empty


def test_the_list_of_commands_is_the_registry():
    done = CliRunner().invoke(app, ["--help"])
    assert all(re.search(rf"^\s*{re.escape(name)}\b", done.output, re.M) for name in SCORERS)
    assert get_command(app).list_commands(None) == list(SCORERS)


def test_help_wakes_no_scorer():
    code = (
        "import runpy, sys\nsys.argv = ['spacestudio', '--help']\n"
        "try: runpy.run_module('spacestudio', run_name='__main__')\nexcept SystemExit: pass\n"
        "print('WOKE', [m for m in sys.modules if m.startswith(('numpy', 'spacestudio.metrics', 'spacestudio.services.scores'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip().splitlines()[-1] == "WOKE []"


def test_a_report_in_lines():
    text = lines(REPORT)
    assert text[:2] == ["A score", "Definition ours: what it means"]
    assert "recall  52.45  %  49.80 to 55.10  1186" in [re.sub(r" {2,}", "  ", line) for line in text]
    assert any(line.split() == ["none", "–", "%", "0"] for line in text)
    assert all("\n" not in line for line in text) and text[-1] == "Note: a note"
    columns = [line for line in text if line.startswith(("in front of", "on "))]
    assert columns[0].endswith("5.50") and len(columns[0]) == len(columns[1]), "numbers to the right"
