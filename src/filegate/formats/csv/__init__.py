"""CSV: its grammar, its header, and the records of one chunk."""
