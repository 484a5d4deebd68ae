"""prompts NAME from the command line."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from spacestudio.cli import app
from spacestudio.relations.rules import RULE_SETS
from tests.support import ROOT


def ran(*arguments):
    return CliRunner().invoke(app, ["prompts", *map(str, arguments)])


def test_sr2d(tmp_path):
    made = ran("sr2d", "--out", tmp_path / "p.json", "--json")
    assert made.exit_code == 0 and json.loads(made.stdout) == {"file": str(tmp_path / "p.json"), "n_prompts": 31_680}
    assert ran("relations", "--rules", "visor", "--out", tmp_path / "q.json").exit_code == 0
    assert (tmp_path / "p.json").read_bytes() == (tmp_path / "q.json").read_bytes()


@pytest.mark.parametrize("rules", list(RULE_SETS))
def test_relations_of_own_objects(tmp_path, rules):
    (tmp_path / "names.txt").write_text("owl\nunicorn\nbox\n")
    made = ran("relations", "--rules", rules, "--objects", tmp_path / "names.txt", "--out", tmp_path / "p.json", "--json")
    count = 3 * (2 * len(RULE_SETS.load(rules).predicates) + 2) + 3
    assert made.exit_code == 0 and json.loads(made.stdout)["n_prompts"] == count
    rows = json.loads((tmp_path / "p.json").read_text())
    assert len({row["text"] for row in rows}) == count and any("an owl above a unicorn" == row["text"] for row in rows)


@pytest.mark.parametrize("text", ["owl\n", ""])
def test_too_few_objects_write_nothing(tmp_path, text):
    (tmp_path / "names.txt").write_text(text)
    made = ran("relations", "--objects", tmp_path / "names.txt", "--out", tmp_path / "p.json")
    assert made.exit_code != 0 and not (tmp_path / "p.json").exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    out = tmp_path / "none" / "p.json"
    done = subprocess.run(
        [sys.executable, "-m", "spacestudio", "prompts", "sr2d", "--out", str(out)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and "none" in done.stderr


def test_sr2d_wakes_no_rules_and_no_models(tmp_path):
    code = (
        "import sys; from typer.testing import CliRunner; from spacestudio.cli import app;"
        f"r = CliRunner().invoke(app, ['prompts', 'sr2d', '--out', {str(tmp_path / 'p.json')!r}]); assert r.exit_code == 0;"
        "print([m for m in ('numpy', 'inflect', 'pyarrow', 'torch', 'scipy', 'spacestudio.relations.relate') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
