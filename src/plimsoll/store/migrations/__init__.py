"""The history of the tables, applied whenever a database is opened."""
