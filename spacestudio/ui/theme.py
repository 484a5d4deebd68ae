"""How the studio looks: one calm theme, one accent colour, fonts the visitor's system already has."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STYLESHEET = Path(__file__).parents[2] / "assets" / "studio.css"
CSS = STYLESHEET.read_text("utf-8")

SANS = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """Slate greys with indigo as the accent; text and controls pass 4.5:1 in both modes."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        secondary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_sm,
        text_size=gr.themes.sizes.text_sm,
        font=SANS,
        font_mono=MONO,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_300",
        border_color_primary_dark="*neutral_700",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_weight="600",
        color_accent="*primary_600",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        block_padding="*spacing_md",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_200",
        form_gap_width="8px",
        layout_gap="10px",
        input_border_width="1px",
        input_padding="6px 9px",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
        input_border_color="#8492a6",
        input_border_color_dark="*neutral_500",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_300",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_600",
        checkbox_border_color="#8492a6",
        checkbox_border_color_dark="*neutral_500",
        button_cancel_text_color="#b91c1c",
        button_cancel_text_color_dark="#fca5a5",
        button_cancel_border_color="#f87171",
        button_cancel_border_color_dark="#b91c1c",
        button_border_width="1px",
        button_transition="none",
        button_transform_hover="none",
        button_transform_active="none",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        table_text_color="*neutral_900",
        table_text_color_dark="*neutral_100",
        table_even_background_fill="white",
        table_even_background_fill_dark="*neutral_900",
        table_odd_background_fill="*neutral_50",
        table_odd_background_fill_dark="*neutral_900",
    )
