"""What is expected of the shop's rules and alerts; monitoring/tests/rules.py has promtool hold them to it."""

from series import always, counter, grows, on, steady, two, STEPS

# As in monitoring/tests/edges.py.
EDGES = [
    ("OrdersPendingTooLong", "critical", 60, "pipeline:orders_pending_oldest_age_seconds:max", ">", 30),
    ("OutboxPublishingDelayed", "warning", 60, "pipeline:outbox_oldest_message_age_seconds:max", ">", 15),
    ("DeadLettersPresent", "warning", 0, "pipeline:dead_letter_queue_messages:max", ">", 0),
    ("StockMismatch", "critical", 0, "pipeline:stock_mismatched_products:max", ">", 0),
    ("OrdersInconsistent", "critical", 0, "pipeline:orders_inconsistent:max", ">", 0),
    ("ConsistencyChecksStopped", "warning", 300, "pipeline:stock_checks:increase10m", "<", 1),
]

HEALTHY = {
    on("worker", "orders_pending_oldest_age_seconds"): always(1),
    on("worker", "outbox_oldest_message_age_seconds"): always(0.5),
    on("worker", "dead_letter_queue_messages"): always(0),
    on("worker", "stock_mismatched_products"): always(0),
    on("worker", "orders_inconsistent"): always(0),
    on("worker", "stock_checks_total"): grows(1),
}
CASES = {
    "queue age": ({on("worker", "orders_pending_oldest_age_seconds"): f"0+15x{STEPS}"}, ["OrdersPendingTooLong"]),
    "outbox age": ({on("worker", "outbox_oldest_message_age_seconds"): f"0+15x{STEPS}"}, ["OutboxPublishingDelayed"]),
    "dead letters": ({on("worker", "dead_letter_queue_messages"): always(1)}, ["DeadLettersPresent"]),
    "oversell": ({on("worker", "stock_mismatched_products"): always(1)}, ["StockMismatch"]),
    "half-reserved orders": ({on("worker", "orders_inconsistent"): always(1)}, ["OrdersInconsistent"]),
    "nobody looks for oversell": ({on("worker", "stock_checks_total"): always(7)}, ["ConsistencyChecksStopped"]),
}

# As in monitoring/tests/recorded.py.
GIVEN = {
    **two("orders_pending_oldest_age_seconds", 3, 4),
    **two("outbox_oldest_message_age_seconds", 5, 6),
    **two("dead_letter_queue_messages", 7, 8),
    **two("stock_mismatched_products", 9, 10),
    **two("orders_inconsistent", 13, 14),
    'stock_checks_total{instance="a"}': counter(1),
    'stock_checks_total{instance="b"}': counter(1),
    **{f'order_processing_duration_seconds_bucket{{instance="a",le="{le}"}}': counter(60) for le in ("1", "2", "+Inf")},
    'order_processing_duration_seconds_bucket{instance="b",le="1"}': counter(30, before=50),
    'order_processing_duration_seconds_bucket{instance="b",le="2"}': steady(40, before=1000),
    'order_processing_duration_seconds_bucket{instance="b",le="+Inf"}': steady(40, before=1000),
}
EXPECTED = {
    "pipeline:orders_pending_oldest_age_seconds:max": {"{}": 4},
    "pipeline:outbox_oldest_message_age_seconds:max": {"{}": 6},
    "pipeline:dead_letter_queue_messages:max": {"{}": 8},
    "pipeline:stock_mismatched_products:max": {"{}": 10},
    "pipeline:orders_inconsistent:max": {"{}": 14},
    # In 585 s (samples 77 to 116) 2000 and 285, so much more in 600; of two.
    "pipeline:stock_checks:increase10m": {"{}": 4687.179},
    "pipeline:order_processing_duration_seconds:p95_5m": {"{}": 1.5},
}
