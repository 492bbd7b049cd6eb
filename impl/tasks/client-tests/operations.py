"""Calls the operations of the tasks service that its scenario does not, with the Python client."""

from schema_first_client import (
    AccountDeletionRequest,
    ApiTokenCreate,
    Client,
    ProjectCreate,
    ProjectUpdate,
    Scope,
    TaskCreate,
    TaskStatusInput,
    TaskUpdate,
    UserCreate,
    UserSelfUpdate,
    UserUpdate,
)
from support import Given, connect, refused


def operations(given: Given) -> None:
    users(given.admin, f"{given.run}-every@client.test")
    tasks(given.admin)


def users(admin: Client, email: str) -> None:
    password = "correct horse"
    user = admin.users.create_user(UserCreate(email=email, password=password, full_name=None))
    client = connect()
    client.sign_in(email, password)
    assert client.login.test_token().id == user.id
    assert client.users.put_me(UserSelfUpdate(full_name="Ada")).full_name == "Ada"
    assert client.users.patch_me(UserSelfUpdate(full_name=None)).full_name is None
    assert user.id in [one.id for one in admin.users.list_users(limit=1000, count=True)]
    assert admin.users.get_user(user.id).email == email
    sessions(client, email, password)
    own_data(client, email, password)
    admin.users.put_user(user.id, UserUpdate(full_name="Grace"))
    assert admin.users.patch_user(user.id, UserUpdate(is_active=False)).is_active is False
    assert admin.users.delete_user(user.id).id == user.id
    assert admin.audit.list_audit_events(limit=1)[0].object_id == str(user.id)


def sessions(client: Client, email: str, password: str) -> None:
    other = connect()
    other.sign_in(email, password)
    (ended,) = [one.id for one in client.sessions.list_sessions() if not one.is_current]
    client.sessions.end_session(ended)
    assert refused(other.users.get_me).code == "invalid_token" and other.session is None
    client.sessions.end_sessions(keep_current=True)
    created = client.api_tokens.create_api_token(ApiTokenCreate(name="Every operation", scopes=[Scope.USER]))
    assert [one.id for one in client.api_tokens.list_api_tokens()] == [created.id]
    assert client.api_tokens.get_api_token(created.id).name == created.name
    program = connect()
    program.token = created.token
    assert program.users.get_me().email == email
    client.api_tokens.revoke_api_token(created.id)


def own_data(client: Client, email: str, password: str) -> None:
    assert bytes(client.own_data.export_personal_data()).startswith(b"PK")
    scheduled = client.own_data.schedule_account_deletion(AccountDeletionRequest(current_password=password)).deletion_at
    assert refused(client.users.get_me).code == "invalid_token"
    client.sign_in(email, password)
    assert refused(client.projects.list_projects).code == "account_deletion_scheduled"
    assert client.own_data.get_account_deletion().deletion_at == scheduled
    client.own_data.cancel_account_deletion()
    assert client.projects.list_projects() == []


def tasks(admin: Client) -> None:
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
