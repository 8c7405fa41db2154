"""The pipeline as its users see it: bytes go in, and what comes out is looked at from outside."""
