"""Numbers to numbers: no file, no model, no screen. Pure and vectorised."""
