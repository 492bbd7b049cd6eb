"""What is expected of the rules and alerts of analytics; monitoring/tests/rules.py has promtool hold them to it."""

from series import always, counter, gauge, grows, on, two, STEPS

# As in monitoring/tests/edges.py.
EDGES = [
    ("IngestQueueFilling", "warning", 60, "instance:page_views_waiting:ratio", ">", 0.8),
    ("IngestQueueFilling", "warning", 60, "instance:page_views_waiting_bytes:ratio", ">", 0.8),
    ("PageViewsRefused", "critical", 60, 'job:page_views_refused:rate5m{job="analytics"}', ">", 0),
    ("PageViewCountsBehind", "warning", 60, "analytics:page_view_rollups_oldest_unmerged_seconds:max", ">", 120),
    ("PageViewCountsWrong", "critical", 0, "analytics:page_view_counts_mismatched_spans:max", ">", 0),
    ("PageViewCountsNotChecked", "warning", 300, "analytics:page_view_count_checks:increase10m", "<", 1),
    ("PageViewPathsFilling", "warning", 300, "analytics:page_view_paths:ratio", ">", 0.8),
]

HEALTHY = {
    on("analytics", "page_views_waiting"): always(100),
    on("analytics", "page_views_waiting_limit"): always(20000),
    on("analytics", "page_views_waiting_bytes"): always(1000),
    on("analytics", "page_views_waiting_limit_bytes"): always(16777216),
    on("analytics", "page_views_refused_total"): always(0),
    on("analytics", "page_view_rollups_oldest_unmerged_seconds"): always(9),
    on("analytics", "page_view_counts_mismatched_spans"): always(0),
    on("analytics", "page_view_count_checks_total"): grows(1),
    on("analytics", "page_view_paths"): always(100),
    on("analytics", "page_view_paths_limit"): always(200000),
}
CASES = {
    "ingest queue, rows": ({on("analytics", "page_views_waiting"): always(19000)}, ["IngestQueueFilling"]),
    "ingest queue, bytes": ({on("analytics", "page_views_waiting_bytes"): always(16000000)}, ["IngestQueueFilling"]),
    "ingest queue, full": ({on("analytics", "page_views_refused_total"): grows(10)}, ["PageViewsRefused"]),
    "counts that wait": ({on("analytics", "page_view_rollups_oldest_unmerged_seconds"): f"0+15x{STEPS}"}, ["PageViewCountsBehind"]),
    "wrong counts": ({on("analytics", "page_view_counts_mismatched_spans"): always(1)}, ["PageViewCountsWrong"]),
    "nobody looks for wrong counts": ({on("analytics", "page_view_count_checks_total"): always(7)}, ["PageViewCountsNotChecked"]),
    "too many paths": ({on("analytics", "page_view_paths"): always(190000)}, ["PageViewPathsFilling"]),
}

# As in monitoring/tests/recorded.py.
GIVEN = {
    'page_views_waiting{job="analytics"}': gauge(1),
    'page_views_waiting_limit{job="analytics"}': gauge(4),
    'page_views_waiting_bytes{job="analytics"}': gauge(1),
    'page_views_waiting_limit_bytes{job="analytics"}': gauge(8),
    'page_views_refused_total{job="analytics",instance="a"}': counter(2),
    'page_views_refused_total{job="analytics",instance="b"}': counter(3),
    **two("page_view_rollups_oldest_unmerged_seconds", 13, 14),
    **two("page_view_counts_mismatched_spans", 15, 16),
    **two("page_view_paths", 40, 50),
    **two("page_view_paths_limit", 100, 100),
    'page_view_count_checks_total{instance="a"}': counter(1),
    'page_view_count_checks_total{instance="b"}': counter(1),
}
EXPECTED = {
    "instance:page_views_waiting:ratio": {'{job="analytics"}': 0.25},
    "instance:page_views_waiting_bytes:ratio": {'{job="analytics"}': 0.125},
    "job:page_views_refused:rate5m": {'{job="analytics"}': 5},
    "analytics:page_view_rollups_oldest_unmerged_seconds:max": {"{}": 14},
    "analytics:page_view_counts_mismatched_spans:max": {"{}": 16},
    "analytics:page_view_paths:ratio": {"{}": 0.5},
    # In 585 s (samples 77 to 116) 2000 and 285, so much more in 600; of two.
    "analytics:page_view_count_checks:increase10m": {"{}": 4687.179},
}
