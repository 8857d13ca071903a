"""Vetoes, strategy stages and model health (G2, G5, G6)."""
