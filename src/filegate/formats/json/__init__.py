"""JSON: lines or an array, and the records of one chunk."""
