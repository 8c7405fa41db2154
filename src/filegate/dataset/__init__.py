"""What an author declares, and where it is found."""
