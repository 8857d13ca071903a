"""Vetoes (G2)."""
