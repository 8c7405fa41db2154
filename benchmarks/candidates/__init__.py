"""One module a candidate, each with `ready(job, output)`, which declares what there is to declare and returns the work.

The work is what is measured: it writes what is published to `<output>/published` and what is rejected to
`<output>/rejected`, as is natural for the candidate, and reports its parts to `Phases`, if it has several.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.phases import Phases

Work = Callable[[Phases], None]
