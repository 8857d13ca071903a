"""Results, comparisons and the report of a run, from its records."""
