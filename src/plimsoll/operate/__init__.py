"""Status of a home: runs, audit."""
