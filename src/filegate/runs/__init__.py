"""The documents of a run: what its states pass on, what the ledger keeps, what lies in buckets."""
