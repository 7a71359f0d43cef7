"""A list of named checks for an integration program: prints a line per check and the closing line of a stage.

    checks = CheckList()
    @checks.add
    def reads_an_object(): ...        # AssertionError: FAIL; SkipCheck: SKIP
    sys.exit(checks.run(sys.argv[1:]))   # Arguments: only checks whose name contains one of them.
"""

import time
import traceback


class SkipCheck(Exception):
    """Raised by a check that cannot run here; the text says why."""


class CheckList:
    def __init__(self):
        self._checks = []

    def add(self, function):
        self._checks.append((function.__name__.replace("_", " "), function))
        return function

    def run(self, wanted=()):
        passed = failed = skipped = 0
        for name, function in self._checks:
            if wanted and not any(word in name for word in wanted):
                continue
            started = time.monotonic()
            try:
                function()
            except SkipCheck as reason:
                skipped += 1
                print("SKIP %s: %s" % (name, reason), flush=True)
                continue
            except AssertionError as error:
                failed += 1
                print("FAIL %s: %s" % (name, error), flush=True)
                continue
            except Exception as error:  # A check that breaks is a failed check, not the end of the list.
                failed += 1
                traceback.print_exc()
                print("FAIL %s: %s: %s" % (name, type(error).__name__, error), flush=True)
                continue
            passed += 1
            print("ok %s (%.2f s)" % (name, time.monotonic() - started), flush=True)
        print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
        return 1 if failed or passed + skipped == 0 else 0
