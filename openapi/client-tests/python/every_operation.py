"""Calls the operations that the scenario does not, with the Python client, so that Prism sees an answer of each. See
../run for the settings. What the answers mean is tested elsewhere."""

import json
import os
import urllib.request

from scenario import RUN, connect, outcome

from schema_first_client import (
    DeadLetterState,
    Dimension,
    OrderCreate,
    OrderItemCreate,
    PageViewCreate,
    ProblemError,
    ProductCreate,
    ProductUpdate,
    ProjectCreate,
    ProjectUpdate,
    TaskCreate,
    TaskStatusInput,
    TaskUpdate,
    UserCreate,
    UserSelfUpdate,
    UserUpdate,
)

admin = connect()
admin.sign_in("admin@example.com", "admin")


def users() -> None:
    email, password = f"{RUN}-every@client.test", "correct horse"
    user = admin.users.create_user(UserCreate(email=email, password=password, full_name=None))
    client = connect()
    client.sign_in(email, password)
    assert client.login.test_token().id == user.id
    assert client.users.put_me(UserSelfUpdate(full_name="Ada")).full_name == "Ada"
    assert client.users.patch_me(UserSelfUpdate(full_name=None)).full_name is None
    assert user.id in [one.id for one in admin.users.list_users(limit=1000, count=True)]
    assert admin.users.get_user(user.id).email == email
    admin.users.put_user(user.id, UserUpdate(full_name="Grace"))
    assert admin.users.patch_user(user.id, UserUpdate(is_active=False)).is_active is False
    assert admin.users.delete_user(user.id).id == user.id
    assert admin.audit.list_audit_events(limit=1)[0].object_id == str(user.id)


def tasks() -> None:
    project = admin.projects.create_project(ProjectCreate(title="Every operation"))
    admin.projects.put_project(project.id, ProjectUpdate(description="One"))
    admin.projects.patch_project(project.id, ProjectUpdate(description="Two"))
    task = admin.tasks.create_task(TaskCreate(title="Every operation", project_id=project.id))
    admin.tasks.put_task(task.id, TaskUpdate(title="Each operation"))
    admin.tasks.set_task_status(task.id, TaskStatusInput.IN_PROGRESS)
    assert admin.tasks.assign_task(task.id, project.owner_id).assignee is not None
    assert admin.tasks.get_task(task.id).project.id == project.id
    assert len(admin.projects.get_project(project.id).tasks) == 1
    admin.tasks.delete_task(task.id)
    assert project.id in [one.id for one in admin.projects.list_projects(sort=None, limit=1000)]
    admin.projects.delete_project(project.id)


def shop() -> None:
    product = admin.products.create_product(ProductCreate(sku=f"{RUN}-every", name="Every", price_cents=100, stock=1))
    admin.products.patch_product(product.id, ProductUpdate(description="Good."))
    assert admin.products.adjust_stock(product.id, 4).stock == 5
    assert admin.products.get_product(product.id).stock == 5
    assert admin.products.list_products(q=RUN, in_stock=True)
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
        absent(lambda: missing(9_000_000))


def analytics() -> None:
    path = f"/every/{RUN}"
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
    absent(lambda: admin.seeding.get_seed_job(9_000_000))
    user = admin.users.get_me().id
    assert admin.ingest.erase_user(user).erased >= 2
    admin.ingest.erase_visitor("0123456789abcdef")


def signing_in_elsewhere() -> None:
    """The clients sign in at the tasks service; the others take part in that as well."""
    for base, prefix, me in (
        (os.environ["SHOP_BASE"], "/api/v2/auth", "/api/v2/users/me"),
        (os.environ["ANALYTICS_BASE"], "/api/p3/auth", "/api/p3/auth/users/me"),
    ):
        account = {"email": f"{RUN}{prefix.replace('/', '-')}@client.test", "password": "correct horse"}
        call(f"{base}{prefix}/signup", json.dumps(account), "application/json")
        form = f"username={account['email']}&password=correct+horse"
        token = json.loads(call(f"{base}{prefix}/login/access-token", form))["access_token"]
        assert json.loads(call(f"{base}{me}", token=token))["email"] == account["email"]
        call(f"{base}{prefix}/logout", "", token=token)


def call(url: str, body: str | None = None, media: str = "application/x-www-form-urlencoded", token: str = "") -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body:
        headers["Content-Type"] = media
    with urllib.request.urlopen(urllib.request.Request(url, None if body is None else body.encode(), headers)) as response:
        return response.read()  # type: ignore[no-any-return]


def absent(request) -> None:  # type: ignore[no-untyped-def]
    try:
        request()
    except ProblemError as problem:
        assert problem.status == 404, problem
    else:
        raise AssertionError("not refused")


if __name__ == "__main__":
    for part in (users, tasks, shop, analytics, signing_in_elsewhere):
        part()
    print(f"python, every operation: ok ({os.environ['RUN']})")
