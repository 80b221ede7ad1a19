"""How many examples a fuzzer tries."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

TIMES = 20


def examples(count: int) -> settings:
    """Return settings for so many examples, or for many times as many by ``make torture``."""
    if not settings.default.derandomize:
        count *= TIMES
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=count, suppress_health_check=slow)
