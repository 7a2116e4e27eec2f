"""Files to raw messages: one row, one message, into the same topics and the same pipeline as live events."""
