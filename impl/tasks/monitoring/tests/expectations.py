"""What is expected of the rules and alerts of tasks; monitoring/tests/rules.py has promtool hold them to it."""

from series import always, on, two

# As in monitoring/tests/edges.py.
EDGES = [("AccountErasuresOverdue", "warning", 300, "tasks:account_erasures_overdue:max", ">", 0)]

HEALTHY = {on("tasks", "account_erasures_overdue"): always(0)}
CASES = {
    "accounts that are not erased": ({on("tasks", "account_erasures_overdue"): always(2)}, ["AccountErasuresOverdue"]),
}

# As in monitoring/tests/recorded.py.
GIVEN = {**two("account_erasures_overdue", 2, 2)}
EXPECTED = {"tasks:account_erasures_overdue:max": {"{}": 2}}
