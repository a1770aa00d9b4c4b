"""Gives a worker tasks and looks at the results: WORK. Ends at a line on standard input."""
import os
import select
import sys

os.environ["WORK"] = sys.argv[1]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import celery_app  # noqa: E402 pylint: disable=wrong-import-position

AT_ONCE = 10


def round_of(first):
    """Failures of some tasks."""
    results = [celery_app.hello.delay(first + i) for i in range(AT_ONCE)]
    failures = 0
    for i, result in enumerate(results):
        try:
            failures += result.get(timeout=60, interval=0.01) != f"hello {first + i}"
        except Exception as error:  # pylint: disable=broad-except
            print(repr(error), file=sys.stderr)
            failures += 1
    return failures


def main():
    done = failures = 0
    failures += round_of(done)
    print("ready")
    while not select.select([sys.stdin], [], [], 0)[0]:
        failures += round_of(done)
        done += AT_ONCE
    print(done, failures)


main()
