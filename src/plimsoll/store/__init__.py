"""Journal, rows, home (G3, D13)."""
