"""A deterministic simulation of the deployed pipeline, in which every request may fail, and a checker of what remains.

The state machine is interpreted from its file, functions are actors whose every request may be lost before or after its
effect, and chance (a seed) decides who goes on. Nothing waits: time is a number.
"""
