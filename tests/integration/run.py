"""Tests on real interpreters: python3 tests/integration/run.py [--build DIR] [--jobs N] [NAME...]

Each test_*.py holds tests of one subject; NAME selects tests by a part of their names. One more run
side by side than there are processors, or N; with more than one, one of those that mostly wait beside
them. The last line counts them, after those that failed. An
interpreter that is not there is said, not passed over in silence.
"""
import harness
import test_capture  # noqa: F401
import test_containers # noqa: F401
import test_cli      # noqa: F401  (each import registers its tests)
import test_core     # noqa: F401
import test_diff     # noqa: F401
import test_errors   # noqa: F401
import test_export  # noqa: F401
import test_faults   # noqa: F401
import test_foreign_text # noqa: F401
import test_graph    # noqa: F401
import test_identity # noqa: F401
import test_leaks    # noqa: F401
import test_memory  # noqa: F401
import test_oracle   # noqa: F401
import test_probe   # noqa: F401
import test_query    # noqa: F401
import test_refusals # noqa: F401
import test_roots    # noqa: F401
import test_safety   # noqa: F401
import test_snapshot # noqa: F401
import test_stacks   # noqa: F401
import test_trees    # noqa: F401
import test_upgraded # noqa: F401
import test_victims  # noqa: F401
import test_watch    # noqa: F401

harness.main()
