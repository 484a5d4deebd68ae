"""One function per tab. Each builds its components and tells the frame how to draw them."""
