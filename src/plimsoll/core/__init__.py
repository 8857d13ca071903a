"""Floor 0: the nouns every room speaks in. Pure values, no I/O, no clock; imports nothing above it."""
