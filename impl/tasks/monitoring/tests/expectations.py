"""What is expected of the rules and alerts of tasks; monitoring/tests/rules.py has promtool hold them to it."""

from series import always, counter, grows, on, two, STEPS

# As in monitoring/tests/edges.py.
EDGES = [
    ("AccountErasuresOverdue", "warning", 300, "tasks:account_erasures_overdue:max", ">", 0),
    ("MailDelayed", "warning", 60, "mail:mails_oldest_pending_seconds:max", ">", 300),
    ("MailGivenUp", "warning", 0, "mail:mails_given_up:increase1h", ">", 10),
]

HEALTHY = {
    on("tasks", "account_erasures_overdue"): always(0),
    on("tasks", "mails_oldest_pending_seconds"): always(1),
    on("tasks", "mail_outcomes_total", 'outcome="sent"'): grows(1),
    on("tasks", "mail_outcomes_total", 'outcome="rejected"'): always(0),
    on("tasks", "mail_outcomes_total", 'outcome="expired"'): always(0),
}
CASES = {
    "accounts that are not erased": ({on("tasks", "account_erasures_overdue"): always(2)}, ["AccountErasuresOverdue"]),
    "unsent mail": ({on("tasks", "mails_oldest_pending_seconds"): f"0+15x{STEPS}"}, ["MailDelayed"]),
    "rejected mails": ({on("tasks", "mail_outcomes_total", 'outcome="rejected"'): grows(1)}, ["MailGivenUp"]),
}

# As in monitoring/tests/recorded.py.
GIVEN = {
    **two("account_erasures_overdue", 2, 2),
    **two("mails_oldest_pending_seconds", 3, 4),
    'mail_outcomes_total{instance="a",outcome="sent"}': counter(1),
    'mail_outcomes_total{instance="a",outcome="rejected"}': counter(1),
    'mail_outcomes_total{instance="b",outcome="expired"}': counter(1),
}
EXPECTED = {
    "tasks:account_erasures_overdue:max": {"{}": 2},
    "mail:mails_oldest_pending_seconds:max": {"{}": 4},
    # Of two counters, without what was sent; extrapolated by half the distance of two samples to either side.
    "mail:mails_given_up:increase1h": {"{}": 20170.848},
}
