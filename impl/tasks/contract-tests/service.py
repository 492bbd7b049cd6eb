"""What contract tests cannot know of the tasks service."""

OWN_ACCOUNT = {"put_me", "patch_me", "end_session", "end_sessions", "schedule_account_deletion"}
ANY_ACCOUNT = {"put_user", "patch_user", "delete_user"}
# What follows a link from the creation of a user reads another's account.
LINKED_TO_OTHERS = {"get_user"}


def make(name, post, user):
    body = {"title": "Something to work with"}
    if name == "assignee_id":
        return user
    if name == "project_id":
        return post("/api/v1/projects", body)["id"]
    if name == "task_id":
        return post("/api/v1/tasks", body | {"project_id": make("project_id", post, user)})["id"]
    return None


def is_shared_with(created, user):
    """Who is assigned a task may see it."""
    return created.get("assignee_id") == user
