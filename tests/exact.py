"""Programs whose numbers do not depend on what is compiled beside them, where the suite's own do (conftest.py)."""

import jaxlib

HAS_OLD_EMITTERS = jaxlib.version.__version_info__ < (0, 11)
"""Whether XLA can still be told to leave its new emitters of fused loops aside."""

EXACT = {"xla_cpu_use_fusion_emitters": True} if HAS_OLD_EMITTERS else {}
"""For a test that compares two programs bitwise: as a user's are compiled."""

OPTIONS = tuple(f"{name}={str(value).lower()}" for name, value in EXACT.items())
"""The same as `compilation.options` has it."""
