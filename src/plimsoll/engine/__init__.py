"""The cycle and the shells around it (E)."""
