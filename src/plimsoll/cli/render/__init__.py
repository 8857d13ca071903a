"""Command output for people: tables and sentences from the values that services return."""
