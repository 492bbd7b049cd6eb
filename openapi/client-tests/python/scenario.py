"""The scenario that every client runs (see ../run), in Python: signing up, in and out, and between them what each service has in
its own folder, client-tests/scenario.py."""

import importlib
import importlib.util

from schema_first_client import Signup
from services import NAMES
from support import RUN, Given, connect, refused


def main() -> None:
    client = connect()
    assert refused(lambda: client.users.get_me()).code == "missing_token"
    email, password = f"{RUN}@client.test", "correct horse"
    problem = refused(lambda: client.login.signup(Signup(email=email, password="short")))
    assert (problem.status, problem.code) == (422, "validation_failed"), problem
    assert (problem.errors[0].pointer, problem.errors[0].code) == ("#/password", "too_short"), problem.errors
    user = client.login.signup(Signup(email=email, password=password))
    client.sign_in(user.email, password)
    me = client.users.get_me_with_http_info()
    assert me.headers is not None and me.headers["x-request-id"] and me.data.id == user.id

    admin = connect()
    admin.sign_in("admin@example.com", "admin")
    assert admin.users.get_me().is_superuser
    for service in NAMES:
        # As ../run has copied it.
        module = f"{service.replace('-', '_')}_scenario"
        if importlib.util.find_spec(module):
            importlib.import_module(module).scenario(Given(client, admin))
            print(f"python, {service}: ok")

    client.login.logout()
    assert refused(lambda: client.users.get_me()).status == 401
    print("python: ok")


if __name__ == "__main__":
    main()
