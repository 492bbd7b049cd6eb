"""Functions that assert something about a deployment, made one after the other."""

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def equal(found, wanted):
    assert found == wanted, f"{found!r} instead of {wanted!r}"


def make_all(title):
    """Makes all of them, and tells which hold; returns the exit code."""
    failed = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok      {name}", flush=True)
        except Exception as error:  # the next one is made all the same
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
    print(f"{title}: {len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0
