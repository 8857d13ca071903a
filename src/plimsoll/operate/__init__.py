"""Operator tasks: check of the environment, resume after a halt (O10)."""
