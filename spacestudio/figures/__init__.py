"""Values -> Plotly figures and pictures. Pure functions; the same value gives the same figure.

Words from outside pass `style.plain` before Plotly sees them: it reads a little HTML in every text.
"""
