"""The scenario that every client runs (see ../run), in Python. TASKS_BASE, SHOP_BASE and ANALYTICS_BASE are base URLs,
RUN makes names of this run different from those of others."""

import os
import time
from collections.abc import Callable

from schema_first_client import (
    Client,
    OrderCreate,
    OrderItemCreate,
    OrderStatus,
    PageViewCreate,
    ProblemError,
    ProductCreate,
    ProjectCreate,
    Signup,
    TaskCreate,
    TaskUpdate,
)

RUN = os.environ["RUN"]


def connect() -> Client:
    return Client(tasks=os.environ["TASKS_BASE"], shop=os.environ["SHOP_BASE"], analytics=os.environ["ANALYTICS_BASE"])


def main() -> None:
    client = connect()
    assert refused(lambda: client.users.get_me()).code == "missing_token"
    user = client.login.signup(Signup(email=f"{RUN}@client.test", password="correct horse"))
    client.sign_in(user.email, "correct horse")
    assert client.users.get_me().id == user.id

    project = client.projects.create_project(ProjectCreate(title="Client test"))
    wanted = TaskCreate(title="Write a client", project_id=project.id, description="In Python.")
    task = client.tasks.create_task(wanted)
    assert task.description == "In Python."
    # Null takes the description away; what is absent stays.
    changed = client.tasks.patch_task(task.id, TaskUpdate(description=None))
    assert (changed.description, changed.title) == (None, "Write a client")
    page = client.tasks.list_tasks_with_http_info(project_id=project.id, count=True)
    assert page.headers is not None and page.headers["x-total-count"] == "1" and len(page.data) == 1

    problem = refused(lambda: client.projects.create_project(ProjectCreate(title="x")))
    assert (problem.status, problem.code) == (422, "validation_failed"), problem
    assert (problem.errors[0].pointer, problem.errors[0].code) == ("#/title", "too_short"), problem.errors

    goods = ProductCreate(sku=f"{RUN}-spoon", name="Spoon", price_cents=250, stock=10)
    assert refused(lambda: client.products.create_product(goods)).code == "insufficient_scope"
    shopkeeper = connect()
    shopkeeper.sign_in("admin@example.com", "admin")
    product = shopkeeper.products.create_product(goods)

    order = OrderCreate(items=[OrderItemCreate(product_id=product.id, quantity=2)])
    placed = client.orders.create_order(order, idempotency_key=RUN)
    assert client.orders.create_order(order, idempotency_key=RUN).id == placed.id, "a repeated request is the same order"
    assert outcome(client, placed.id) == OrderStatus.RESERVED
    events = client.orders.stream_order_events_without_preload_content(placed.id, seconds=1)
    assert b"event: reserved" in b"".join(events.stream())

    client.ingest.record_page_view(PageViewCreate(path=f"/{RUN}"))
    top = {one.path: one.count for one in client.analytics.get_top_paths(limit=100)}
    assert top[f"/{RUN}"] == 1, top

    client.login.logout()
    assert refused(lambda: client.users.get_me()).status == 401
    print("python: ok")


def refused(request: Callable[[], object]) -> ProblemError:
    try:
        request()
    except ProblemError as problem:
        return problem
    raise AssertionError("not refused")


def outcome(client: Client, order: int) -> OrderStatus:
    """The state of an order once it is no longer pending."""
    deadline = time.monotonic() + 30
    while (status := client.orders.get_order(order).status) == OrderStatus.PENDING:
        assert time.monotonic() < deadline, "the order is still pending"
        time.sleep(0.1)
    return status


if __name__ == "__main__":
    main()
