"""Is this graph possible? Smallest clashes, ways out of them, what follows from what; where the picture and space disagree."""
