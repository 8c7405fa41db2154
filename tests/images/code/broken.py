"""A handler that cannot be imported."""

raise ImportError("never to be had")
