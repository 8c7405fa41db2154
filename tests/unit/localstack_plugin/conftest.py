"""The plugin is a package of LocalStack's image, not of this project: what of it needs no LocalStack is tested here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "infra" / "localstack" / "plugin"))
