"""Vetoes, stages of strategies, health of their models (G2, G5, G6)."""
