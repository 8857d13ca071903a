"""Reads results and records."""
