"""For tests of destinations: runs in memory and in virtual time. Nothing else of the package imports it."""

try:
    import pytest
except ImportError:  # the runs need none; the suite does, and the extra [testing] brings it
    pass
else:
    # So that a case that fails shows the values that it compared, as in a test file.
    pytest.register_assert_rewrite(
        *(f"{__name__}.{part}" for part in ("answer_cases", "destination_cases", "destination_suite"))
    )
