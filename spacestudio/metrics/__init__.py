"""Predictions against truths: figures with their counts and intervals. Values in, a `Report` out; files are read elsewhere."""
