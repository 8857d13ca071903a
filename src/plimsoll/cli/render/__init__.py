"""What a command prints for a person: tables and sentences made from the values that the services return."""
