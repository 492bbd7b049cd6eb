"""Calls the operations of the tasks service that its scenario does not, with the Python client."""

from uuid import UUID

import openid_provider
from schema_first_client import (
    ApiTokenCreate,
    Client,
    OpenidAuthorizationRequest,
    OpenidLink,
    OpenidLogin,
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
    if openid_provider.is_set_up():
        with openid_provider.running():
            openid(given.admin, f"{given.run}-openid")
    else:
        openid_without_provider(given.admin)


def openid(admin: Client, name: str) -> None:
    provider = openid_provider.NAME
    assert [one.name for one in connect().openid.list_openid_providers()] == [provider]
    client = logged_in(name)
    me = client.users.get_me()
    assert (me.email, me.full_name) == (f"{name}@client.test", "Ada Lovelace")
    assert logged_in(name).users.get_me().id == me.id
    # Of the provider's users one is not verified, and one has an account here already.
    assert refused(lambda: logged_in(f"unverified-{name}")).code == "openid_email_unverified"
    admin.users.create_user(UserCreate(email=f"{name}-known@client.test", password="correct horse", full_name=None))
    assert refused(lambda: logged_in(f"{name}-known")).code == "openid_email_taken"
    known = connect()
    known.sign_in(f"{name}-known@client.test", "correct horse")
    known.openid.link_openid_identity(provider, OpenidLink(**callback(f"{name}-known"), current_password="correct horse"))
    assert logged_in(f"{name}-known").users.get_me().id == known.users.get_me().id
    (linked,) = known.openid.list_openid_identities()
    assert (linked.provider, linked.email) == (provider, f"{name}-known@client.test")
    known.openid.unlink_openid_identity(linked.id)
    # A code is valid once, also where an authorization is new.
    used = callback(name)
    connect().openid.log_in_with_openid(provider, OpenidLogin(**used))
    again = callback(name) | {"code": used["code"]}
    assert refused(lambda: connect().openid.log_in_with_openid(provider, OpenidLogin(**again))).code == "openid_login_rejected"


def callback(name: str) -> dict[str, str]:
    """An authorization to which somebody has agreed."""
    wanted = OpenidAuthorizationRequest(redirect_uri=openid_provider.REDIRECT_URI)
    begun = connect().openid.begin_openid_authorization(openid_provider.NAME, wanted)
    back = openid_provider.sign_in(begun.authorization_url, name)
    assert back["state"] == begun.state and "iss" in back, back
    return back | {"code_verifier": begun.code_verifier}


def logged_in(name: str) -> Client:
    client = connect()
    token = client.openid.log_in_with_openid(openid_provider.NAME, OpenidLogin(**callback(name)))
    client.token = token.access_token
    return client


def openid_without_provider(admin: Client) -> None:
    api, missing = admin.openid, "openid_provider_not_found"
    api.list_openid_providers()
    wanted = OpenidAuthorizationRequest(redirect_uri=openid_provider.REDIRECT_URI)
    secrets = {"code": "x", "state": "x", "code_verifier": "x" * 43}
    assert refused(lambda: api.begin_openid_authorization("none", wanted)).code == missing
    assert refused(lambda: api.log_in_with_openid("none", OpenidLogin(**secrets))).code == missing
    link = OpenidLink(**secrets, current_password="admin")
    assert refused(lambda: api.link_openid_identity("none", link)).code in (missing, "wrong_password")
    assert api.list_openid_identities() == []
    assert refused(lambda: api.unlink_openid_identity(UUID(int=1))).code == "openid_identity_not_found"


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
