"""Calls the operations of the tasks service that its scenario does not, with the Python client."""

import base64
import hmac
import mailbox
import os
import re
import struct
import time
from uuid import UUID, uuid4

import openid_provider
from schema_first_client import (
    AccountDeletionRequest,
    ApiTokenCreate,
    Client,
    CredentialType,
    EmailChange,
    EmailConfirmation,
    OneTimeCode,
    OpenidAuthorizationRequest,
    OpenidLink,
    OpenidLogin,
    PasskeyCreate,
    PasskeyLogin,
    PasswordForgotten,
    PasswordProof,
    PasswordReset,
    ProjectCreate,
    ProjectUpdate,
    PublicKeyCredential,
    Scope,
    Signup,
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
    nobodys_token()
    # Where the services are ours, and so their mail server.
    if folder := os.environ.get("MAIL_FOLDER"):
        mails(folder, f"{given.run}-mail")
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
    own_data(client, email, password)
    # The one that they have: nothing is to be changed.
    client.email.send_email_verification()
    client.email.change_email(EmailChange(email=email, current_password=password))
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


def own_data(client: Client, email: str, password: str) -> None:
    assert bytes(client.own_data.export_personal_data()).startswith(b"PK")
    scheduled = client.own_data.schedule_account_deletion(AccountDeletionRequest(current_password=password)).deletion_at
    assert refused(client.users.get_me).code == "invalid_token"
    client.sign_in(email, password)
    assert refused(client.projects.list_projects).code == "account_deletion_scheduled"
    assert client.own_data.get_account_deletion().deletion_at == scheduled
    client.own_data.cancel_account_deletion()
    assert client.projects.list_projects() == []
def nobodys_token() -> None:
    token = "sfe_4fQ0Zt1mLw8cVb7nXk2sYd5aHj9uEr3oGp6iTq"
    client = connect()
    client.email.forgot_password(PasswordForgotten(email="nobody@client.test"))
    assert refused(lambda: client.email.confirm_email(EmailConfirmation(token=token))).code == "invalid_email_token"
    reset = PasswordReset(token=token, password="correct horse")
    assert refused(lambda: client.email.reset_password(reset)).code == "invalid_email_token"


def mails(folder: str, name: str) -> None:
    """Each flow that needs a mailbox, from the request to its end."""
    old, new = f"{name}@client.test", f"{name}-new@client.test"
    client = connect()
    client.login.signup(Signup(email=old, password="correct horse", full_name=None))
    client.email.confirm_email(EmailConfirmation(token=token(received(folder, old, "Confirm your e-mail address"))))
    client.sign_in(old, "correct horse")

    client.email.change_email(EmailChange(email=new, current_password="correct horse"))
    received(folder, old, "A change of your e-mail address was requested")
    client.email.confirm_email(EmailConfirmation(token=token(received(folder, new, "Confirm your new e-mail address"))))
    received(folder, old, "Your e-mail address was changed")
    assert refused(client.users.get_me).code == "invalid_token"

    client.email.forgot_password(PasswordForgotten(email=f"{name}-nobody@client.test"))
    client.email.forgot_password(PasswordForgotten(email=new))
    reset = PasswordReset(token=token(received(folder, new, "Reset your password")), password="another horse")
    client.email.reset_password(reset)
    assert refused(lambda: client.email.reset_password(reset)).code == "invalid_email_token"
    received(folder, new, "Your password was changed")
    client.sign_in(new, "another horse")
    assert client.users.get_me().email == new
    assert not of(folder, f"{name}-nobody@client.test")


def of(folder: str, to: str) -> list[str]:
    """The mails to an address that have arrived: each its subject, a line break, and its plain text."""
    found = []
    for mail in mailbox.Maildir(folder):
        if mail["To"] == to:
            text = next(part for part in mail.walk() if part.get_content_type() == "text/plain").get_payload(decode=True)
            assert isinstance(text, bytes)
            found.append(f"{mail['Subject']}\n{text.decode()}")
    return found


def received(folder: str, to: str, subject: str) -> str:
    """The text of the mail to an address with a subject, once it has arrived."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for mail in of(folder, to):
            if mail.startswith(f"{subject}\n"):
                return mail
        time.sleep(0.05)
    raise AssertionError(f"no mail {subject!r} to {to}")


def token(mail: str) -> str:
    found = re.search(r"^sfe_\w+$", mail, re.M)
    assert found, mail
    return found[0]


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
    response = {"clientDataJSON": "e30", "attestationObject": "oA"}
    credential = PublicKeyCredential(id="AQ", type=CredentialType("public-key"), response=response)
    created = refused(lambda: client.passkeys.create_passkey(PasskeyCreate(name="None", credential=credential)))
    signed_in = refused(lambda: client.passkeys.login_with_passkey(PasskeyLogin(credential=credential)))
    assert {created.code, signed_in.code} == {"passkey_rejected"}
    assert refused(lambda: client.passkeys.delete_passkey(uuid4())).code == "passkey_not_found"
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
