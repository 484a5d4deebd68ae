"""What `python -m spacestudio engines` tells of each engine, without waking one."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spacestudio.engines import DEPTH, ENGINES
from spacestudio.engines.status import COMES, ELSEWHERE, HERE, status
from spacestudio.registry import ANY, Entry, Registry
from spacestudio.settings import settings
from tests.support import ROOT

MODEL = Entry(
    "engines.depth.builtin:NoDepth", "A model.", needs=("numpy", "torch"), built_in=False, licence="MIT", model="a/b"
)


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A registry of one model, a Hub's cache that is empty, and an environment that says nothing."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("SPACE_STUDIO_MODELS", raising=False)
    monkeypatch.setattr("spacestudio.engines.status._device", lambda: "cpu")
    settings.cache_clear()
    yield Registry(
        "engine", {"one": MODEL, "any": Entry(MODEL.target, MODEL.help, needs=MODEL.needs, built_in=False, model=ANY)}
    )
    monkeypatch.undo()
    settings.cache_clear()


def cached(tmp_path: Path, commit: str, file: str) -> None:
    kept = tmp_path / "hub" / "models--a--b"
    (kept / "refs").mkdir(parents=True, exist_ok=True)
    (kept / "refs" / "main").write_text(commit)
    (kept / "snapshots" / commit / "unet").mkdir(parents=True, exist_ok=True)
    (kept / "snapshots" / commit / file).write_bytes(b"")


needs_torch = pytest.mark.skipif(
    bool(DEPTH["depth-model"].missing()), reason="needs: pip install -r requirements-models.txt"
)


@needs_torch
def test_weights_on_this_disk_or_to_be_downloaded(here, tmp_path):
    assert (status(here, "one").weights, status(here, "one").why_not) == (COMES, "")
    cached(tmp_path, "1" * 40, "config.json")
    assert status(here, "one").weights == COMES, "a configuration is no model"
    cached(tmp_path, "1" * 40, "unet/model.safetensors")
    now = status(here, "one")
    assert (now.model, now.weights, now.device, now.why_not) == ("a/b", HERE, "cpu", "")
    assert status(here, f"one:a/b@{'1' * 40}").weights == HERE
    assert status(here, f"one:a/b@{'2' * 40}").weights == COMES


@needs_torch
def test_offline_and_not_on_this_disk(here, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert (
        "HF_HUB_OFFLINE" in status(here, "one").why_not and "SPACE_STUDIO_MODELS=one=FOLDER" in status(here, "one").why_not
    )
    cached(tmp_path, "1" * 40, "model.safetensors")
    assert status(here, "one").why_not == ""


@needs_torch
def test_a_folder_named_in_the_environment(here, monkeypatch, tmp_path):
    monkeypatch.setenv("SPACE_STUDIO_MODELS", f"one={tmp_path}")
    settings.cache_clear()
    assert (status(here, "one").model, status(here, "one").weights) == (str(tmp_path), HERE)
    monkeypatch.setenv("SPACE_STUDIO_MODELS", f"one={tmp_path}/absent")
    settings.cache_clear()
    assert "is no folder" in status(here, "one").why_not and "SPACE_STUDIO_MODELS=one=FOLDER" in status(here, "one").why_not


@needs_torch
def test_a_model_must_be_named_where_there_is_none(here, tmp_path):
    assert "any:NAME" in status(here, "any").why_not
    assert status(here, f"any:{tmp_path}").why_not == ""


def test_a_missing_package(here):
    lacking = Registry(
        "engine", {"far": Entry("x:Y", "Far.", needs=("torch", "no_such_package"), built_in=False, model="a/b")}
    )
    now = status(lacking, "far")
    assert now.why_not == "pip install -r requirements-models.txt" and now.device == ""


def test_a_model_that_another_machine_runs(here):
    remote = Registry("engine", {"far": Entry("x:Y", "Far.", needs=("json",), built_in=False, model="a/b")})
    assert (status(remote, "far").weights, status(remote, "far").device) == (ELSEWHERE, ELSEWHERE)


@pytest.mark.parametrize("stage", ENGINES)
def test_built_in_engines_can_always_run(stage):
    for name, entry in ENGINES[stage].items():
        if entry.built_in:
            assert status(ENGINES[stage], name).why_not == ""


def test_the_command_tells_all_and_wakes_no_network():
    code = (
        "import sys\nsys.argv = ['spacestudio', 'engines', '--json']\nfrom spacestudio.cli import app\n"
        "try: app()\nexcept SystemExit as stop: assert not stop.code\n"
        "print([name for name in ('torch', 'transformers', 'diffusers') if name in sys.modules])"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    first, last = done.stdout.strip().splitlines()
    rows = json.loads(first)["engines"]
    assert [(r["stage"], r["name"]) for r in rows] == [(s, n) for s, registry in ENGINES.items() for n in registry]
    for row in rows:
        assert row["title"] and row["available"] == (row["why_not"] == "")
        assert row["built_in"] or row["licence"]
        assert row["device"] in ("cpu", "cuda", "mps", ELSEWHERE, "")
    if not DEPTH["depth-model"].missing() and "+cpu" in importlib.metadata.version("torch"):
        assert last == "[]"


def test_the_words_for_a_person():
    env = os.environ | {"HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "spacestudio", "engines"], capture_output=True, text=True, cwd=ROOT, env=env, timeout=120
    )
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * sum(map(len, ENGINES.values()))
    assert any("depth-pro" in line and "Apple AMLR" in line for line in lines) or DEPTH["depth-pro"].missing()
