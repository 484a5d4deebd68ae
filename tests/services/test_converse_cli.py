"""Language models from the command line: scenes, layouts and comments through a real endpoint; the key stays in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from spacestudio.cli import main
from spacestudio.engines import LANGUAGE
from spacestudio.formats import FORMATS
from tests.engines.talking import KEY, data_of, environment, failed, kitchen, said, schema_of, serving, using
from tests.support import HOSTILE, ROOT, coffee


def apart(
    url: str, *args: str | Path, command: tuple[str, ...] = ("-m", "spacestudio"), **settings: str
) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SPACE_STUDIO_", "OPENAI_", "HF_TOKEN"))}
    env |= {"PYTHONPATH": str(ROOT), **environment(url, **settings)}
    return subprocess.run(
        [sys.executable, *command, *map(str, args)], capture_output=True, text=True, env=env, cwd=ROOT, timeout=300
    )


@pytest.fixture
def run(monkeypatch, capsys):
    """In this process: the command line as `main` runs it."""

    def here(url: str, *args: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.delenv("HF_TOKEN", raising=False)
        with using(monkeypatch, url, **settings), monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["spacestudio", *map(str, args)])
            capsys.readouterr()
            try:
                main()
                status = 0
            except SystemExit as stop:
                status = int(stop.code or 0)
            said_ = capsys.readouterr()
        return subprocess.CompletedProcess([*map(str, args)], status, said_.out, said_.err)

    return here


def model(body: dict[str, Any]) -> Any:
    """Writes kitchens; comments on pictures."""
    wanted = schema_of(body)
    if wanted == {"questions"}:
        rows = data_of(body)["questions"]
        if isinstance(body["messages"][1]["content"], str):
            return said(
                {"questions": [{"id": r["id"], "question": r["question"].replace("picture?", "photo?")} for r in rows]}
            )
        return said({"questions": [{"id": rows[0]["id"], "verdict": "flag", "reason": "hard to see"}]})
    if wanted == {"relations"} and isinstance(body["messages"][1]["content"], list):
        ids = [row["id"] for row in data_of(body)["objects"]]
        return said({"relations": [{"subject": ids[0], "relation": "touching", "object": ids[1]}]})
    return kitchen(body)


def holding(folder: Path, text: str) -> list[str]:
    """Files below that hold the text, packed ones opened."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        parts = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                parts += [packed.read(name) for name in packed.namelist()]
        if any(text.encode() in part for part in parts):
            found.append(path.name)
    return found


def test_scenes_layouts_and_comments_and_no_key_anywhere(run, tmp_path):
    with serving(rule=model) as server:
        comments = ("--words", "endpoint", "--check", "endpoint", "--predicates", "endpoint")
        done = apart(
            server.url, "synthesize", "--scenes", "2", "--language", "endpoint:a/b", "--layout", "endpoint", *comments,
            "--out", tmp_path / "out", "--json", LANGUAGE_PRICE_IN="1", LANGUAGE_PRICE_OUT="2",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        value = json.loads(done.stdout)
        assert value["language"]["calls"] == len(server.asked)
        assert value["language"]["cost"] == pytest.approx(len(server.asked) * (100 + 2 * 10) / 1e6)
        assert value["language"]["prompt_tokens"] == 100 * len(server.asked) and value["language"]["seconds"] > 0
        assert "language model: " in done.stderr and "tokens" in done.stderr
        assert {h["authorization"] for h in server.headers} == {f"Bearer {KEY}"}
        for sample in value["samples"]:
            assert sample["engines"] | {
                "scene": "endpoint", "layout": "endpoint", "wording": "endpoint", "check": "endpoint", "predicates": "endpoint",
            } == sample["engines"]  # fmt: skip
            record = json.loads((Path(sample["folder"]) / "sample.json").read_text())
            assert {q["origin"] for q in record["qa"]} == {"geometry", "model"}
            assert [q["status"] for q in record["qa"]].count("flagged") >= 1
            graph = json.loads((Path(sample["folder"]) / "graph.json").read_text())
            assert [(e["origin"], e["verdict"]) for e in graph["edges"] if e["predicate"] == "touching"] == [
                ("model", "undecided")
            ]
        assert [Path(s["folder"]).name.split("-")[0] for s in value["samples"]] == ["kitchen", "harbour"]
        shown = [done.stdout, done.stderr]
        for name in FORMATS:
            done = run(
                server.url, "export", "--samples", tmp_path / "out", "--format", name, "--out", tmp_path / f"x-{name}"
            )
            assert done.returncode == 0, done.stderr
            shown += [done.stdout, done.stderr]
        for more in ("engines", "engines --json", "synthesize --help", "verify --samples " + str(tmp_path / "out")):
            done = run(server.url, *more.split())
            shown += [done.stdout, done.stderr]
    assert not holding(tmp_path, KEY) and not [text for text in shown if KEY in text]
    assert holding(tmp_path, "tiny-test"), "the search would have found it"


def test_the_same_replies_give_the_same_bytes(run, tmp_path):
    def made(name: str) -> dict[str, bytes]:
        with serving(rule=model) as server:
            done = run(
                server.url,
                "synthesize",
                "--scenes",
                "1",
                "--language",
                "endpoint",
                "--words",
                "endpoint",
                "--out",
                tmp_path / name,
            )
        assert done.returncode == 0, done.stderr
        files = (p for p in (tmp_path / name).rglob("*") if p.is_file() and p.name != "events.jsonl")
        return {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in files}

    assert made("a") == made("b")


def test_analyze_with_comments_and_a_hostile_label(run, tmp_path):
    Image.fromarray(coffee(240, 160)).save(tmp_path / "c.png")
    coco = {
        "images": [{"id": 1, "file_name": "c.png", "width": 240, "height": 160}],
        "categories": [{"id": 1, "name": HOSTILE}, {"id": 2, "name": "spoon"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [60, 20, 100, 90]},
            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [128, 40, 80, 60]},
        ],
    }
    (tmp_path / "o.json").write_text(json.dumps(coco))
    with serving(rule=model) as server:
        done = run(
            server.url, "analyze", tmp_path / "c.png", "--objects", tmp_path / "o.json", "--words", "endpoint",
            "--check", "endpoint", "--predicates", "endpoint", "--out", tmp_path / "out", "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert server.asked and not any(HOSTILE in json.dumps(b["messages"][0]) for b in server.asked)
        for body in server.asked:
            content = body["messages"][1]["content"]
            text = content if isinstance(content, str) else content[0]["text"]
            assert HOSTILE not in text.split("\n\nDATA\n")[0]
    (sample,) = json.loads(done.stdout)["samples"]
    assert "endpoint: 1 predicate added, undecided." in sample["warnings"]


def test_a_model_that_fails_is_told_and_the_grammar_writes(run, tmp_path):
    with serving(rule=lambda body: failed(500)) as server:
        done = run(
            server.url,
            "synthesize",
            "--scenes",
            "1",
            "--language",
            "endpoint",
            "--out",
            tmp_path / "o",
            "--json",
            LANGUAGE_TRIES="2",
        )
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["samples"][0]["engines"]["scene"] == "grammar"
    assert "Common-sense grammar wrote this scene instead." in value["samples"][0]["warnings"][0]
    assert value["language"]["rejected"] == {"server failed": 1} and value["language"]["retries"] == 1


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (("--language", "hub"), 1, "HF_TOKEN"),
        (("--language", "transformers"), 1, "SPACE_STUDIO_MODELS"),
        (("--layout", "grammar"), 1, "no language model"),
        (("--layout", "nonsense"), 2, "known: cp-sat, endpoint, hub, transformers"),
        (("--words", "nonsense"), 2, "grammar, endpoint"),
        (("--check", "grammar"), 1, "no language model"),
    ],
)
def test_what_can_not_be_asked_stops_before_anything_is_made(run, tmp_path, args, status, says):
    with serving() as server:
        done = run(server.url, "synthesize", "--scenes", "1", *args, "--out", tmp_path / "o")
        assert done.returncode == status and says in done.stderr, done.stderr
        assert not (tmp_path / "o").exists() and not server.asked and "Traceback" not in done.stderr


def test_the_list_of_engines_says_what_is_lacking(run):
    def rows(url: str, **settings: str) -> dict[str, dict[str, Any]]:
        found = json.loads(run(url, "engines", "--json", **settings).stdout)["engines"]
        return {row["name"]: row for row in found if row["stage"] == "scene"}

    bare = rows("", LANGUAGE_KEY="", LANGUAGE_MODEL="")
    assert bare["grammar"]["available"] and not any(bare[n]["available"] for n in ("endpoint", "hub", "transformers"))
    assert "SPACE_STUDIO_LANGUAGE_URL" in bare["endpoint"]["why_not"]
    assert rows("http://127.0.0.1:9/v1")["endpoint"]["available"]


PAGE = """
import json, pathlib, sys
from spacestudio.services.studio import Studio
from spacestudio.ui.build import build

studio = Studio(pathlib.Path(sys.argv[1]))
made, note = studio.imagined("owner-of-these-tests-0001", None, 3, "endpoint")
print(json.dumps({"config": build(studio).get_config_file(), "note": note}, default=str))
"""


def test_the_page_offers_the_models_and_never_the_key(tmp_path):
    with serving(rule=model) as server:
        done = apart(server.url, tmp_path / "data", command=("-c", PAGE))
    assert done.returncode == 0, done.stderr[-2000:]
    page = json.loads(done.stdout.splitlines()[-1])
    assert "4 calls" in page["note"]
    (menu,) = [c["props"]["choices"] for c in page["config"]["components"] if c["props"].get("elem_id") == "scene-engine"]
    titles = {name: title for title, name in menu}
    assert list(titles) == list(LANGUAGE)
    assert "not set up" in titles["transformers"] and "not set up" not in titles["endpoint"]
    assert KEY not in done.stdout + done.stderr and not holding(tmp_path, KEY)
