"""Tests on real interpreters: python3 tests/integration/run.py [--build DIR] [NAME...]

Each test_*.py holds tests of one subject; NAME selects tests by a part of their names. The last
line counts them. An interpreter that is not there is said, not passed over in silence.
"""
import harness
import test_cli      # noqa: F401  (each import registers its tests)
import test_errors   # noqa: F401
import test_identity # noqa: F401
import test_oracle   # noqa: F401
import test_safety   # noqa: F401

harness.main()
