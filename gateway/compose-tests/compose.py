#!/usr/bin/env python3
"""What compose.yaml says of the program, of nginx, of Prometheus and of Grafana must be what these say of themselves: names,
ports, settings, paths. No container is started; what can be asked of the real programs is asked of them."""

import sys

import containers  # noqa: F401  (each brings its checks)
import documents  # noqa: F401
import neighbours  # noqa: F401
import routing
import settings  # noqa: F401
from configuration import CHECKS, check

check(routing.requests_reach_the_operation_that_the_document_means)


def main():
    failed = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok      {name}")
        except Exception as error:  # the next one is made all the same
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}")
    print(f"compose: {len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
