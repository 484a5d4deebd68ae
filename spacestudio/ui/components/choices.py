"""Choices that follow the open sample.

Gradio refuses a value that is not among the choices of this moment, and with it the whole call. The page may still hold a
value of a moment ago, so these pass it on, and what uses it checks it.
"""

from __future__ import annotations

from typing import Any

import gradio as gr


class Choice(gr.Dropdown):
    """One of choices that change with the sample; gives a str or None."""

    is_template = True  # the page draws it as its parent

    def preprocess(self, payload: Any) -> Any:
        """The value as the page holds it, when it is a short text."""
        return payload if isinstance(payload, str) and len(payload) <= 200 else None


class Pick(gr.Radio):
    """One of choices that change with the sample, all in sight; gives a str or None."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        """The value as the page holds it, when it is a short text."""
        return payload if isinstance(payload, str) and len(payload) <= 200 else None


class Choices(gr.CheckboxGroup):
    """Some of choices that change with the samples; gives a list of str."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        """The values as the page holds them, short texts only."""
        return [v for v in payload or [] if isinstance(v, str) and len(v) <= 200][:100_000]


def following(choices: list[tuple[str, str]], value: str | None) -> Any:
    """Draws other choices, (name, value) each. What is chosen stays while it is one of them.

    Args:
        choices: the new ones.
        value: what was chosen when the page asked. It is not sent back: the person may have chosen anew since.
    """
    gone = value is not None and value not in {key for _, key in choices}
    return gr.update(choices=choices, value=None) if gone else gr.update(choices=choices)
