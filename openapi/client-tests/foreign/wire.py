"""The requests of exchanges.mjs, with the Python client."""

import datetime
import os
import uuid
from collections.abc import Callable

from schema_first_client import ApiException, Client, ProblemError, everything, second

m = everything.models
client = Client(os.environ["GATEWAY"], token="of-the-client")
api = client.everything


def refused(request: Callable[[], object]) -> ApiException:
    try:
        request()
    except ApiException as error:
        return error
    raise AssertionError("not refused")


api.path_styles(
    simple="a/b ü", list=["x", "y,z"], object=m.Color(R=100, G=200), label=5, labels=["a", "b"], matrix="m", matrices=[1, 2], object_of_matrix=m.Color(R=1)
)
api.query_styles(
    q="a&b=c +", exploded=["1", "2,3"], joined=["a", "b,c"], spaced=[1, 2], piped=["x", "y"], deep=m.Color(R=1, name="n m"), color=m.Color(G=7),
    filter=m.Color(R=1), reserved="a/b?c", since=datetime.date(2026, 11, 30), sort=m.QueryStylesSort.NAME, page_size=2, class_=True,
)
api.headers_and_cookies(x_list=["a", "ü"], x_object=m.Color(R=1, G=2), session="s 1;x", flags=["a", "b"])

body = m.Everything.model_validate(
    {
        "required": "yes", "nullable": None, "both": None, "at": "2026-11-30T05:00:00Z", "day": datetime.date(2026, 11, 30),
        "id": uuid.UUID("6f1c8a52-8f3b-4a51-9d3e-0c4b9b9d6a10"), "animal": {"kind": "woof", "friend": {"kind": "meow", "claws": 3}},
        "tree": m.Tree(left=m.Tree(right=None), leaves=[m.Tree()]), "lists": [[], [[]]], "maps": {"a": {"b": {}}}, "json": [None, "a", 1.5, [True]],
        "class": m.Class.STAR_SLASH, "merged": {"R": 1, "extra": "e"}, "scores": {"a": 1.5}, "user_id": "one", "userId": 2, '"quoted"': "q",
        "back\\slash": "b", "self": "s", "copy": "c",
    }
)
assert isinstance(body.animal, m.Dog) and isinstance(body.animal.friend, m.Cat)
answer = api.send_json(body=body)
assert isinstance(answer.animal, m.Dog) and isinstance(answer.animal.friend, m.Cat) and answer.animal.friend.claws == 3, answer.animal
assert answer.at == datetime.datetime(2026, 11, 30, 5, tzinfo=datetime.timezone.utc) and answer.copy_ == "c" and answer.user_id_2 == 2
assert answer.model_extra == {"later": "a member of a later version"}
assert "secret" not in repr(m.Cat(kind="meow", secret="secret").secret_members) or "hunter2" not in repr(m.Cat(kind="meow", secret="hunter2"))
api.send_form(body=m.SendFormBody(name="a b&c", tags=["x", "y"], joined=["1", "2"], color=m.Color(R=1), deep=m.Color(G=2)))
api.send_files(
    body=m.SendFilesForm(title="T", file=b"a,b", photos=[("1.png", b"1", "image/png"), ("2.png", b"2", "image/png")], meta=m.Color(R=1), tags=["x", "y"])
)
assert api.send_text(body="grün") == "rot"
assert api.send_image(body=b"PNG", content_type="image/png") == b"GIF"
assert api.send_rows(body=[m.Color(R=1), m.Color(R=2)]) == '{"a":1}\n{"a":2}\n'
assert api.send_several(body=m.Color(R=1)) == m.Color(R=2)
tree = api.send_several(body=m.Color(R=1, G=2), content_type="application/x-www-form-urlencoded")
assert isinstance(tree, m.Tree) and tree.left == m.Tree()
assert api.send_several(body="a,b", content_type="text/csv", accept="text/csv") == "c,d"
assert api.send_several_with_http_info().status_code == 204

own = refused(lambda: api.send_several())
assert (own.status, m.OwnError.model_validate_json(own.body).message) == (409, "no")
theirs = refused(lambda: api.send_several())
assert type(theirs) is ApiException and theirs.status == 409 and b"extra" in theirs.body
problem = refused(lambda: api.send_several())
assert isinstance(problem, ProblemError) and problem.code == "validation_failed"

api.as_bearer()
api.credentials = everything.Credentials(bearer="own", basic=("üser", "p:w"), in_header="h", in_query="q&", in_cookie="c;", digest="d=1")
assert "own" not in repr(api.credentials)
api.as_bearer()
api.as_basic()
api.as_both()
api.as_cookie()
api.as_digest()
animal = api.get_u_o_it_s_quoted_id_go(id=7)
assert isinstance(animal, m.Dog) and isinstance(animal.friend, m.Cat)
assert api.class__with_http_info(id=7).status_code == 200
colors: list[second.models.Color] = client.second.send_json(body=second.models.Color.RED)
assert colors == [second.models.Color.RED, second.models.Color.GREEN]
print("python, foreign documents: ok")
