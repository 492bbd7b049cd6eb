"""Calls the operations of the shop that its scenario does not, with the Python client."""

from schema_first_client import DeadLetterState, OrderCreate, OrderItemCreate, ProductCreate, ProductUpdate
from shop_scenario import outcome
from support import Given, refused


def operations(given: Given) -> None:
    admin = given.admin
    product = admin.products.create_product(ProductCreate(sku=f"{given.run}-every", name="Every", price_cents=100, stock=1))
    admin.products.patch_product(product.id, ProductUpdate(description="Good."))
    assert admin.products.adjust_stock(product.id, 4).stock == 5
    assert admin.products.get_product(product.id).stock == 5
    assert admin.products.list_products(q=given.run, in_stock=True)
    assert len(admin.operations.list_stock_entries(product.id)) == 2
    order = admin.orders.create_order(OrderCreate(items=[OrderItemCreate(product_id=product.id, quantity=1)]))
    outcome(admin, order.id)
    assert order.id in [one.id for one in admin.orders.list_orders(limit=1000)]
    admin.orders.cancel_order(order.id)
    assert [one.kind.value for one in admin.orders.get_order_timeline(order.id)] == ["created", "reserved", "cancelled"]
    other = admin.orders.create_order(OrderCreate(items=[OrderItemCreate(product_id=product.id, quantity=1)]))
    outcome(admin, other.id)
    admin.orders.pay_order(other.id)
    admin.products.delete_product(product.id)
    admin.operations.get_queue()
    admin.operations.list_dead_letters(state=DeadLetterState.WAITING)
    for missing in (admin.operations.get_dead_letter, admin.operations.discard_dead_letter, admin.operations.requeue_dead_letter):
        assert refused(lambda: missing(9_000_000)).status == 404
