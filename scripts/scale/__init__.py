"""How far a deployment goes: time, cost and the first limit, on paper and in simulation. Writes docs/scale.md.

    python -m scripts.scale.measure     # only when the keys' index or the manifests changed
    python -m scripts.scale

The formulas (`model`) and the simulation (`simulation`) start from the same numbers: what a run was measured to use
(scripts/usage.json), what `measure` found (measured.json), AWS's quotas (`quotas`) and prices, and the templates' own
settings. A test holds the page to this, and the two to each other.
"""
