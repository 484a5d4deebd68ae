"""The menu of a stage's engines: what would be downloaded and under which licence, and what keeps one from running."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spacestudio.engines.status import COMES, status
from spacestudio.registry import Registry

NOT_HERE = " – not set up"


def engine_menu(registry: Registry, label: str, elem_id: str, **options: Any) -> gr.Dropdown:
    """A dropdown of the engines, the default chosen; below it stands how things are with the chosen one."""
    menu = gr.Dropdown(
        [(entry.title + (NOT_HERE if registry.why_not(name) else ""), name) for name, entry in registry.items()],
        value=next(iter(registry)),
        label=label,
        elem_id=elem_id,
        **options,
    )
    menu.input(
        lambda name: gr.Dropdown(info=facts(registry, name)),
        menu,
        menu,
        trigger_mode="always_last",
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return menu


def facts(registry: Registry, name: str) -> str:
    """In a line: what the engine is, and what keeps it from running or comes with its first use."""
    if name not in registry:
        return ""
    entry, now = registry[name], status(registry, name)
    if now.why_not:
        return f"{entry.help} Can't run here yet: {now.why_not}"
    if now.weights == COMES:
        return f"{entry.help} At first use {entry.size} are downloaded ({entry.licence}); runs on {now.device}."
    return entry.help
