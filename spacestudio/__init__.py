"""Space Studio: a picture and its spatial knowledge graph, edited anywhere, kept true everywhere."""

__version__ = "0.1.0"
