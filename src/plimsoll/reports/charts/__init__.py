"""Figures of the report: their data and their specification."""
