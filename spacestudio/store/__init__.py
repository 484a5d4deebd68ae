"""Where samples live: an append-only log of events in a database, pictures and depth maps as blobs beside it."""
