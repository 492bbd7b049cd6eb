"""Calls the operations of the tasks service that its scenario does not, with the Python client."""

import base64
import hmac
import struct
import time
import uuid

from schema_first_client import (
    ApiTokenCreate,
    AuthenticatorResponse,
    Client,
    CredentialType,
    OneTimeCode,
    PasskeyCreate,
    PasskeyLogin,
    PasswordProof,
    ProjectCreate,
    ProjectUpdate,
    PublicKeyCredential,
    Scope,
    TaskCreate,
    TaskStatusInput,
    TaskUpdate,
    TotpDisable,
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
    second_factors(client, password)
    passkeys(client, password)
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


def second_factors(client: Client, password: str) -> None:
    factors = client.second_factors
    begun = factors.begin_totp(PasswordProof(current_password=password))
    codes = factors.confirm_totp(OneTimeCode(code=totp(begun.secret))).recovery_codes
    assert factors.get_second_factors().recovery_codes_left == len(codes)
    codes = factors.replace_recovery_codes(OneTimeCode(code=codes[0])).recovery_codes
    factors.disable_totp(TotpDisable(current_password=password, code=codes[0]))
    assert factors.get_second_factors().totp is False


def passkeys(client: Client, password: str) -> None:
    """With no authenticator at hand, so that credentials are refused; the browser tests have one."""
    assert client.passkeys.begin_passkey_registration(PasswordProof(current_password=password)).challenge
    assert client.passkeys.begin_passkey_login().challenge
    response = AuthenticatorResponse.from_dict({"clientDataJSON": "e30", "attestationObject": "oA"})
    credential = PublicKeyCredential(id="AQ", type=CredentialType.PUBLIC_KEY, response=response)
    created = refused(lambda: client.passkeys.create_passkey(PasskeyCreate(name="None", credential=credential)))
    signed_in = refused(lambda: client.passkeys.login_with_passkey(PasskeyLogin(credential=credential)))
    assert {created.code, signed_in.code} == {"passkey_rejected"}
    assert refused(lambda: client.passkeys.delete_passkey(uuid.uuid4())).code == "passkey_not_found"
    assert client.passkeys.list_passkeys() == []


def totp(secret: str) -> str:
    """The code of the present time step (RFC 6238)."""
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), "sha1")
    (number,) = struct.unpack_from(">I", mac, mac[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 10**6:06}"


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
