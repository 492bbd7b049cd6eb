"""What the shop has to do while Prometheus asks it."""

import json
import os

from client import URLS, eventually, log_in, send


def work(number):
    """From a new product to a reserved order."""
    shop, token = URLS["shop"], log_in("shop")
    product = {"sku": f"LIVE-{os.getpid()}-{number}", "name": "Spoon", "price_cents": 250, "stock": 10}
    status, text = send(f"{shop}/api/v2/products", "POST", product, token)
    assert status == 201, text
    order = {"items": [{"product_id": json.loads(text)["id"], "quantity": 2}]}
    status, text = send(f"{shop}/api/v2/orders", "POST", order, token)
    assert status == 201, text
    url = f"{shop}/api/v2/orders/{json.loads(text)['id']}"
    eventually("an order is reserved", lambda: json.loads(send(url, token=token)[1])["status"] == "RESERVED")
