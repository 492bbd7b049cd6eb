"""What a crate's files are made of, read as text: how many lines without unit tests, and which file takes what from which.

A path leads to the file that defines the item: through `pub use`, however often it is handed on. A file that only hands names on
imports nobody.
"""

import re
from functools import cached_property
from pathlib import Path

# Comments, texts and characters: nothing in them is code. What is neither, a lifetime say, stays.
NO_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|b?r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\\n])'""", re.DOTALL)
TEST_ITEM = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*")
MOD = re.compile(r"(?:#\[path = \"([^\"]*)\"\]\s*)?(?:pub(?:\([^)]*\))?\s+)?\bmod\s+(\w+)\s*([;{])")
USE = re.compile(r"(pub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);")
ITEM = re.compile(r"\b(?:fn|struct|enum|union|trait|type|const|static|macro_rules!)\s+(?:mut\s+)?(\w+)")
EXPORTED = re.compile(r"#\[macro_export\]\s*(?:#\[[^\]]*\]\s*)*macro_rules!\s+(\w+)")
PATH = re.compile(r"(?<![\w$:.])[a-z_]\w*(?:\s*::\s*\w+)+")


def blank(text, start, end):
    """A text with a part of it gone; lines stay where they are."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def block_end(code, start):
    """Where the item ends whose `{` or `;` is the next one."""
    depth = 0
    for found in re.finditer(r"[{};]", code[start:]):
        depth += {"{": 1, "}": -1, ";": 0}[found[0]]
        if depth == 0:
            return start + found.end()
    return len(code)


def code_of(text, keep_paths=False):
    """The code alone. `#[path = ".."]` is a text that counts."""
    def spare(found):
        line = text[text.rfind("\n", 0, found.start()) + 1:found.start()]
        return found[0] if keep_paths and line.endswith("#[path = ") else re.sub(r"[^\n]", " ", found[0])
    return NO_CODE.sub(spare, text)


def without_tests(text):
    """The code without what `#[cfg(test)]` stands before, and how many lines there are without its modules."""
    code = code_of(text, keep_paths=True)
    lines, only_tests = text.count("\n"), set()
    while found := TEST_ITEM.search(code):
        end = block_end(code, found.end())
        module = MOD.match(code, found.end())
        if module:
            lines -= code.count("\n", found.start(), end) + 1
            if module[3] == ";":
                only_tests.add(module[2])
        code = blank(code, found.start(), end)
    return code, lines, only_tests


def names_of(tree, prefix=()):
    """Every path of a `use`, and the name that it gets here."""
    tree = tree.strip()
    if "{" in tree:
        head, _, rest = tree.partition("{")
        prefix += tuple(part.strip() for part in head.strip().removesuffix("::").split("::") if part.strip())
        depth, part = 0, ""
        for sign in rest[:rest.rfind("}")] + ",":
            depth += (sign == "{") - (sign == "}")
            if sign == "," and depth == 0:
                if part.strip():
                    yield from names_of(part, prefix)
                part = ""
            else:
                part += sign
        return
    path, _, name = tree.partition(" as ")
    path = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
    if path[-1] == "self":
        path = path[:-1]
    yield path, name.strip() or path[-1]


class Module:
    """A module of a crate: its file, what it defines, what it takes in and its children."""

    def __init__(self, root, file, code, folder, parent=None):
        self.root, self.file, self.parent, self.children = root or self, file, parent, {}
        while found := MOD.search(code):
            end = found.end() if found[3] == ";" else block_end(code, found.start())
            self.add(found, code[found.end():end - 1], folder)
            code = blank(code, found.start(), end)
        self.uses = [(bool(found[1]), *one) for found in USE.finditer(code) for one in names_of(found[2])]
        for name in EXPORTED.findall(code):
            self.root.macros[name] = file
        self.code = USE.sub("", code)
        self.items = set(ITEM.findall(self.code))

    macros = cached_property(lambda self: {})

    def add(self, found, inner, folder):
        path, name, kind = found.groups()
        if kind == "{":
            self.children[name] = Module(self.root, self.file, inner, folder / name, self)
            return
        places = [self.file.parent / path] if path else [folder / f"{name}.rs", folder / name / "mod.rs"]
        for place in places:
            if place.exists():
                code = without_tests(place.read_text())[0]
                below = place.parent if path or place.name == "mod.rs" else folder / name
                self.children[name] = Module(self.root, place, code, below, self)

    def file_of(self, path, seen=()):
        """The file that defines what a path names, as far as it is of this crate."""
        if (self, path) in seen or not path:
            return None
        seen = (*seen, (self, path))
        first, rest = path[0], path[1:]
        if first in ("crate", "self", "super", "$crate"):
            start = {"crate": self.root, "self": self, "super": self.parent}.get(first)
            if start is None:
                return None
            return start.file_of(rest, seen) if rest else start.file
        if first == "*":
            return self.file
        if first in self.children:
            return self.children[first].file_of(rest, seen) if rest else self.children[first].file
        if first in self.items:
            return self.file
        for _, target, name in self.uses:
            # What is named like a crate comes from there.
            handed_on = name == first != target[0] and (*target, *rest) or name == "*" and self.is_ours(target) and (*target[:-1], *path)
            if handed_on and (found := self.file_of(handed_on, seen)):
                return found
        return self.macros.get(first) if self is self.root else None

    def is_ours(self, path):
        return path[0] in ("crate", "self", "super") or path[0] in self.children

    def imports(self):
        """Files that this module's takes something from."""
        for public, path, name in self.uses:
            # What is only handed on is not taken.
            if not public or re.search(rf"\b{re.escape(name)}\b", self.code):
                yield self.file_of(path)
        for found in PATH.finditer(self.code):
            path = tuple(part.strip() for part in found[0].split("::"))
            if self.is_ours(path):
                yield self.file_of(path)
        for child in self.children.values():
            if child.file == self.file:
                yield from child.imports()

    def each(self):
        yield self
        for child in self.children.values():
            yield from child.each()


def read(root_file):
    """The modules of a crate, from the file that it begins with."""
    return Module(None, root_file, without_tests(root_file.read_text())[0], root_file.parent)


def imports(root_file):
    """What every file of a crate takes from which others."""
    taken = {}
    for module in read(root_file).each():
        others = taken.setdefault(module.file, set())
        others |= {file for file in module.imports() if file not in (None, module.file)}
    return taken
