"""Where objects and the ledger live: small interfaces, with implementations on AWS, in a folder and in memory."""
