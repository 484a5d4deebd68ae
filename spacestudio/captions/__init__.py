"""What is true of a picture, in words: captions with explicit relations, and the grounded texts of SpaceSGG."""
