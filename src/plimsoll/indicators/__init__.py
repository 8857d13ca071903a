"""Causal factors, computed once a snapshot (F)."""
