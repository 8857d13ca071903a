"""Venues and their accounting (X)."""
