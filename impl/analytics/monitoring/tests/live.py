"""What analytics has to do while Prometheus asks it."""

from client import URLS, send

QUERIES = {"seed": "?rows=1"}


def work(_):
    """A view of somebody's, and one of a bot's."""
    for agent in ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Googlebot/2.1 (+http://www.google.com/bot.html)"):
        body = {"path": "/pricing", "country": "DE"}
        status, text = send(URLS["analytics"] + "/api/p3/page-views", "POST", body, agent=agent)
        assert status == 201, text
