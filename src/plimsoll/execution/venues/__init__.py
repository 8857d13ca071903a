"""Venues behind one port (X1)."""
