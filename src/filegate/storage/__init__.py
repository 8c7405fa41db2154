"""Where objects and the ledger live: small interfaces, the AWS implementations, and in-memory fakes for tests."""
