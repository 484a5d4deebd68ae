"""A studio of its own for each file of browser tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.startup import free_port
from spacestudio.services.studio import Studio


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Studio]]:
    """Address of a studio with an empty store, and the studio behind it."""
    from spacestudio.ui.build import build, launch_options

    studio = Studio(tmp_path_factory.mktemp("data"))
    demo = build(studio)
    own = {"server_name": "127.0.0.1", "server_port": free_port(), "blocked_paths": []}  # two workers must not meet
    options = launch_options(studio, prevent_thread_lock=True, quiet=True, **own)
    _, url, _ = demo.launch(**options)
    yield url, studio
    demo.close(verbose=False)
