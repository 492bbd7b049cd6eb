"""A page view, and the ranking that it is in, with the Python client."""

from pydantic import ValidationError
from schema_first_client import Client, PageViewCreate
from support import Given


def scenario(given: Given) -> None:
    assert PageViewCreate(path="/").to_json() == '{"path": "/"}'
    try:
        # A body that is a list, as JSON, which operations take as well.
        Client("http://127.0.0.1:9").ingest.record_page_views([{"path": "/", "paht": "/"}])  # type: ignore[list-item]
    except (ValidationError, ValueError) as error:
        assert "paht" in str(error), error
    else:
        raise AssertionError("a member that is not there was taken")
    given.client.ingest.record_page_view(PageViewCreate(path=f"/{given.run}"))
    top = {one.path: one.count for one in given.client.analytics.get_top_paths(limit=100)}
    assert top[f"/{given.run}"] == 1, top
