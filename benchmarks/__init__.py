"""Filegate beside other ways to do the same job: make bench."""
