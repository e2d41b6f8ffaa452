"""Garbage collection while rows are sent."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: A sync makes hundreds of thousands of small objects a second, nearly none of them in cycles. With Python's own
#: thresholds a fifth of its CPU goes into looking for cycles, and every look at all objects walks through Airflow.
THRESHOLDS = (20_000, 20, 100)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for cycles seldom, and not among what was imported before; leave everything as it was."""
    before, was_frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not was_frozen:
            gc.unfreeze()
