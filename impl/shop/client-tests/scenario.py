"""A product, and an order of it, with the Python client."""

import time
from collections.abc import Callable

from pydantic import ValidationError
from schema_first_client import Client, OrderCreate, OrderItemCreate, OrderStatus, ProductCreate, ProductUpdate
from support import Given, refused


def scenario(given: Given) -> None:
    client, admin = given.client, given.admin
    what_is_sent()
    goods = ProductCreate(sku=f"{given.run}-spoon", name="Spoon", price_cents=250, stock=10)
    assert refused(lambda: client.products.create_product(goods)).code == "insufficient_scope"
    product = admin.products.create_product(goods)

    order = OrderCreate(items=[OrderItemCreate(product_id=product.id, quantity=2)])
    placed = client.orders.create_order(order, idempotency_key=given.run)
    assert client.orders.create_order(order, idempotency_key=given.run).id == placed.id, "a repeated request is the same order"
    assert outcome(client, placed.id) == OrderStatus.RESERVED
    events = client.orders.stream_order_events_without_preload_content(placed.id, seconds=1)
    assert b"event: reserved" in b"".join(events.stream())


def what_is_sent() -> None:
    """Lists of objects, without members that are not there."""
    order = OrderCreate(items=[OrderItemCreate(product_id=1, quantity=2)])
    assert order.to_dict() == {"items": [{"product_id": 1, "quantity": 2}]}
    misspelt: list[Callable[[], object]] = [
        lambda: OrderCreate.from_dict({"items": [{"product_id": 1, "quantity": 1, "colour": "red"}]}),
        lambda: setattr(ProductUpdate(name="Spoon"), "colour", 5),
    ]
    for act in misspelt:
        try:
            act()
        except (ValidationError, ValueError) as error:
            assert "colour" in str(error), error
        else:
            raise AssertionError("a member that is not there was taken")


def outcome(client: Client, order: int) -> OrderStatus:
    """The state of an order once it is no longer pending."""
    deadline = time.monotonic() + 30
    while (status := client.orders.get_order(order).status) == OrderStatus.PENDING:
        assert time.monotonic() < deadline, "the order is still pending"
        time.sleep(0.1)
    return status
