"""Starts the studio. A Space runs this file."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from spacestudio.services.studio import open_studio
from spacestudio.ui.build import build, launch_options

studio = open_studio()
demo = build(studio)

if __name__ == "__main__":
    demo.launch(**launch_options(studio))
