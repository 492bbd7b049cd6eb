"""Calls the operations of the analytics service that its scenario does not, with the Python client."""

from schema_first_client import Dimension, PageViewCreate
from support import Given, refused


def operations(given: Given) -> None:
    admin = given.admin
    path = f"/every/{given.run}"
    batch = admin.ingest.record_page_views([PageViewCreate(path=path), PageViewCreate(path=path, country="DE")])
    assert batch.stored == 2
    assert sum(one.count for one in admin.analytics.get_time_series(path=path)) == 2
    assert admin.analytics.get_uniques(path=path).users == 1
    assert len(admin.analytics.get_breakdown(Dimension.COUNTRY, path=path)) == 2
    assert [one.count for one in admin.analytics.get_top_paths_slow(limit=100) if one.path == path] == [2]
    admin.analytics.stream_live_without_preload_content(seconds=1).read()
    exported = admin.analytics.export_page_views_without_preload_content()
    assert path.encode() in exported.read()
    admin.seeding.seed(rows=10, unique_paths=2)
    assert refused(lambda: admin.seeding.get_seed_job(9_000_000)).status == 404
    user = admin.users.get_me().id
    assert admin.ingest.erase_user(user).erased >= 2
    admin.ingest.erase_visitor("0123456789abcdef")
