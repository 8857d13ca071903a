"""The hard-limit governor: limits, book, checks, and its line protocol."""
