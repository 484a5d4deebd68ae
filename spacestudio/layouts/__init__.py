"""Graph -> layout (`solver`, OR-tools) and layout -> graph (`extract`). Law: what was asked is found again."""
