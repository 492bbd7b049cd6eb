"""Projects and tasks with the Python client."""

from schema_first_client import ProjectCreate, TaskCreate, TaskUpdate, UserSelfUpdate
from support import Given, refused


def scenario(given: Given) -> None:
    client = given.client
    project = client.projects.create_project(ProjectCreate(title="Client test"))
    wanted = TaskCreate(title="Write a client", project_id=project.id, description="In Python.")
    task = client.tasks.create_task(wanted)
    assert task.description == "In Python."
    # Null takes the description away; what is absent stays.
    assert TaskUpdate(description=None).to_dict() == {"description": None}
    changed = client.tasks.patch_task(task.id, TaskUpdate(description=None))
    assert (changed.description, changed.title) == (None, "Write a client")
    page = client.tasks.list_tasks_with_http_info(project_id=project.id, count=True)
    assert page.headers is not None and page.headers["x-total-count"] == "1" and len(page.data) == 1

    # A token that is not valid any more: the same body again, with a new one.
    assert client.session is not None
    client.session = client.session.model_copy(update={"access_token": "no-token-of-any-service"})
    assert client.tasks.patch_task(task.id, TaskUpdate(title="Sent twice")).title == "Sent twice"

    problem = refused(lambda: client.projects.create_project(ProjectCreate(title="x")))
    assert (problem.status, problem.code) == (422, "validation_failed"), problem
    assert (problem.errors[0].pointer, problem.errors[0].code) == ("#/title", "too_short"), problem.errors
    own = UserSelfUpdate(password="not to be seen", current_password="not to be seen")
    assert "not to be seen" not in f"{own} {own!r}"
