"""What must sleep until it is used: opening the menus, `--help` and the screen wake no heavy library."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.support import ROOT

HEAVY = ("torch", "transformers", "diffusers", "open3d", "ortools")
WAKES = {
    "the engines' menus": "from spacestudio.engines import ENGINES; [list(r) for r in ENGINES.values()]",
    "every menu": "import spacestudio.relations, spacestudio.qa, spacestudio.formats",
    "the services": "import spacestudio.services.studio",
    "the command line": "import spacestudio.cli",
    "its help": (
        "import runpy\nsys.argv = ['spacestudio', '--help']\n"
        "try: runpy.run_module('spacestudio', run_name='__main__')\nexcept SystemExit as stop: assert not stop.code"
    ),
    "the screen": (
        "import pathlib, tempfile\nfrom spacestudio.services.studio import Studio\nfrom spacestudio.ui.build import build\n"
        "build(Studio(pathlib.Path(tempfile.mkdtemp())))"
    ),
}


@pytest.mark.parametrize("what", WAKES)
def test_nothing_heavy_wakes(what):
    code = f"import sys\n{WAKES[what]}\nprint('WOKE', [n for n in {HEAVY} if n in sys.modules])"
    env = os.environ | {"PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "WOKE []"


def test_no_screen_without_the_screen():
    """The command line reaches the screen only when it serves."""
    code = "import sys, spacestudio.cli; print('gradio' in sys.modules)"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, timeout=120)
    assert done.stdout.strip() == "False", done.stderr[-2000:]


@pytest.mark.parametrize("package", ["gradio", "plotly", "ortools", "typer", "pyarrow", "sqlalchemy"])
def test_what_the_requirements_promise_is_installed(package):
    assert importlib.util.find_spec(package)
