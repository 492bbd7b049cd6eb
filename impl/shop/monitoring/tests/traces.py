"""The trace of an order goes on through the outbox to the worker; monitoring/tests/traces.py asks, and collects what is told."""

from client import eventually


def ask(send, wanted, unwanted):
    """One order in each trace, until it is reserved."""
    form = {"username": "admin@example.com", "password": "admin"}
    token = "Bearer " + send("/p2/api/v2/auth/login/access-token", form=form)[1]["access_token"]
    product = {"sku": "TRACED", "name": "Spoon", "price_cents": 250, "stock": 10}
    product = send("/p2/api/v2/products", product, Authorization=token)[1]["id"]
    for parent in (wanted, unwanted):
        items = {"items": [{"product_id": product, "quantity": 1}]}
        order = send("/p2/api/v2/orders", items, Authorization=token, traceparent=parent)[1]["id"]
        eventually("an order is reserved",
                   lambda: send(f"/p2/api/v2/orders/{order}", Authorization=token)[1]["status"] == "RESERVED")


def checks(spans):
    """What must be so of the spans of the wanted trace."""
    spans = {span["name"]: span for span in spans}
    server = spans.get("POST /api/v2/orders", {})
    wait, work = spans.get("order.created wait", {}), spans.get("order.created process", {})
    times = [int(one.get(when, 0)) for one in (wait, work) for when in ("startTimeUnixNano", "endTimeUnixNano")]
    return {
        "the order is told": server.get("service") == "shop" and server.get("kind") == 2,
        "the message's wait is told": wait.get("service") == "worker" and wait.get("parentSpanId") == server.get("spanId"),
        "the worker's part is told": work.get("service") == "worker" and work.get("parentSpanId") == server.get("spanId"),
        "the worker works after the wait": 0 < times[0] <= times[1] == times[2] <= times[3],
    }
