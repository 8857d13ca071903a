"""Intraday models traded over recorded bars behind the governor."""
