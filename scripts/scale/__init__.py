"""How far a deployment goes: time, cost and the first limit, as formulas. `make pages` writes docs/scale.md from it.

    python -m scripts.scale.measure     # only when the keys' index or the manifests changed

The formulas (`model`) start from what a run was measured to use (scripts/usage.json), what `measure` found
(measured.json), AWS's quotas (`quotas`) and prices, and the templates' own settings.
"""
