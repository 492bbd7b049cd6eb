"""What is expected of the rules and alerts of analytics; monitoring/tests/rules.py has promtool hold them to it."""

from series import always, counter, gauge, grows, on, two, STEPS

# As in monitoring/tests/edges.py.
EDGES = [
    ("IngestQueueNearLimit", "warning", 60, "instance:page_views_queued:ratio", ">", 0.8),
    ("IngestQueueNearLimit", "warning", 60, "instance:page_views_queued_bytes:ratio", ">", 0.8),
    ("PageViewsRejected", "critical", 60, 'job:page_views_rejected:rate5m{job="analytics"}', ">", 0),
    ("PageViewRollupsBehind", "warning", 60, "analytics:page_view_rollups_oldest_unmerged_age_seconds:max", ">", 120),
    ("PageViewRollupsInconsistent", "critical", 0, "analytics:page_view_rollup_mismatched_intervals:max", ">", 0),
    ("PageViewRollupChecksStopped", "warning", 300, "analytics:page_view_rollup_checks:increase10m", "<", 1),
    ("PageViewPathsNearLimit", "warning", 300, "analytics:page_view_paths:ratio", ">", 0.8),
]

HEALTHY = {
    on("analytics", "page_views_queued"): always(100),
    on("analytics", "page_views_queued_limit"): always(20000),
    on("analytics", "page_views_queued_bytes"): always(1000),
    on("analytics", "page_views_queued_limit_bytes"): always(16777216),
    on("analytics", "page_views_rejected_total"): always(0),
    on("analytics", "page_view_rollups_oldest_unmerged_age_seconds"): always(9),
    on("analytics", "page_view_rollup_mismatched_intervals"): always(0),
    on("analytics", "page_view_rollup_checks_total"): grows(1),
    on("analytics", "page_view_paths"): always(100),
    on("analytics", "page_view_paths_limit"): always(200000),
}
CASES = {
    "ingest queue, rows": ({on("analytics", "page_views_queued"): always(19000)}, ["IngestQueueNearLimit"]),
    "ingest queue, bytes": ({on("analytics", "page_views_queued_bytes"): always(16000000)}, ["IngestQueueNearLimit"]),
    "ingest queue, full": ({on("analytics", "page_views_rejected_total"): grows(10)}, ["PageViewsRejected"]),
    "counts that wait": ({on("analytics", "page_view_rollups_oldest_unmerged_age_seconds"): f"0+15x{STEPS}"}, ["PageViewRollupsBehind"]),
    "wrong counts": ({on("analytics", "page_view_rollup_mismatched_intervals"): always(1)}, ["PageViewRollupsInconsistent"]),
    "nobody looks for wrong counts": ({on("analytics", "page_view_rollup_checks_total"): always(7)}, ["PageViewRollupChecksStopped"]),
    "too many paths": ({on("analytics", "page_view_paths"): always(190000)}, ["PageViewPathsNearLimit"]),
}

# As in monitoring/tests/recorded.py.
GIVEN = {
    'page_views_queued{job="analytics"}': gauge(1),
    'page_views_queued_limit{job="analytics"}': gauge(4),
    'page_views_queued_bytes{job="analytics"}': gauge(1),
    'page_views_queued_limit_bytes{job="analytics"}': gauge(8),
    'page_views_rejected_total{job="analytics",instance="a"}': counter(2),
    'page_views_rejected_total{job="analytics",instance="b"}': counter(3),
    **two("page_view_rollups_oldest_unmerged_age_seconds", 13, 14),
    **two("page_view_rollup_mismatched_intervals", 15, 16),
    **two("page_view_paths", 40, 50),
    **two("page_view_paths_limit", 100, 100),
    'page_view_rollup_checks_total{instance="a"}': counter(1),
    'page_view_rollup_checks_total{instance="b"}': counter(1),
}
EXPECTED = {
    "instance:page_views_queued:ratio": {'{job="analytics"}': 0.25},
    "instance:page_views_queued_bytes:ratio": {'{job="analytics"}': 0.125},
    "job:page_views_rejected:rate5m": {'{job="analytics"}': 5},
    "analytics:page_view_rollups_oldest_unmerged_age_seconds:max": {"{}": 14},
    "analytics:page_view_rollup_mismatched_intervals:max": {"{}": 16},
    "analytics:page_view_paths:ratio": {"{}": 0.5},
    # In 585 s (samples 77 to 116) 2000 and 285, so much more in 600; of two.
    "analytics:page_view_rollup_checks:increase10m": {"{}": 4687.179},
}
