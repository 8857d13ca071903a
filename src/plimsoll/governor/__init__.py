"""The hard-limit governor: limits, account book, pre-trade checks, and its line protocol."""
