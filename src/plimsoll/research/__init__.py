"""Ablations and studies over the engine."""
