#!/usr/bin/env python3
"""What compose.yaml says of the program, of nginx, of Prometheus and of Grafana must be what these say of themselves: names,
ports, settings, paths. No container is started; what can be asked of the real programs is asked of them."""

import sys

import containers  # noqa: F401  (each brings its checks)
import documents  # noqa: F401
import neighbours  # noqa: F401
import routing
import settings  # noqa: F401
from checks import check, make_all

check(routing.requests_reach_the_operation_that_the_document_means)


if __name__ == "__main__":
    sys.exit(make_all("compose"))
