"""Checks the schemas of package files (docs/schemas): every file of ours fits its own, and spoiled
files do not.

    schemas.py

Files are read as editors read them: YAML 1.2, dates as texts.
"""

import copy
import json
import pathlib
import re
import sys

import jsonschema
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = [
    *sorted((ROOT / "packages").iterdir()),
    *sorted((ROOT / "bench/packages").iterdir()),
    ROOT / "bin/chaincity/template",
]
TUTORIALS = [ROOT / "docs/tutorial.md", ROOT / "docs/tutorial.zh.md"]
FOLDERS = {
    "groups": "group",
    "registers": "register",
    "guards": "guards",
    "actions": "action",
    "forms": "form",
    "scenarios": "scenarios",
    "exports": "export",
    "ports": "port",
}
NAMES = {"package", *FOLDERS.values()}


class Constructor(SafeConstructor):
    """Builds what JSON can say."""


Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read(text):
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    return yaml.load(text)


def schema_of(path):
    """The name of the schema for a path inside a package, or None if the file is no part of it."""
    if path == "package.yaml":
        return "package"
    folder, _, rest = path.partition("/")
    return FOLDERS.get(folder) if rest.endswith(".yaml") else None


def files():
    """Our files: where each stands, its schema's name, its text."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.yaml")):
            name = schema_of(path.relative_to(package).as_posix())
            if name:
                # The template's `NAME` is what `chaincity package new` is given.
                yield str(path.relative_to(ROOT)), name, path.read_text("utf-8").replace("NAME", "stalls")
    block = re.compile(r"^`[^`/\n]+/([^`\n]+)`\n\n```yaml\n(.*?)^```$", re.M | re.S)
    for tutorial in TUTORIALS:
        text = tutorial.read_text("utf-8")
        found = block.findall(text)
        assert len(found) == text.count("\n```yaml\n"), f"{tutorial}: a file without a name"
        for path, content in found:
            yield f"{tutorial.name}: {path}", schema_of(path), content


# The least files, which fit.
TITLE = {"zh": "题", "en": "Title"}
GUARD = {"code": "no", "that": "true", "zh": "否", "en": "no"}
STEP = {"by": "p", "action": "a"}
EFFECTS = [
    {"insert": {"register": "r", "as": "n", "fields": {"a": 1}, "numbers": {"b": {"sequence": "s"}}}},
    {"update": {"record": "x", "set": {}, "corrects": {"version": "1", "reason": "r", "basis": "b"}}},
    {"close": {"record": "x", "reason": "end"}},
    {"event": {"kind": "k", "register": "r", "key": "x._key"}},
    {"when": {"that": "true", "do": [{"each": {"as": "i", "at": "n", "in": "l", "of": "r", "do": []}}]}},
    {"call": {"package": "p", "action": "a", "input": {"b": "1"}, "mandates": "[]"}},
    {"count": {"counter": "c", "scope": "s", "by": 2, "limit": {"max": 3, "code": "full", **TITLE}}},
    {"append": {"register": "r", "key": "k", "field": "f", "items": "[1]"}},
]
GOOD = {
    "package": {
        "package": "p",
        "version": 1,
        "title": TITLE,
        "requires": {"evidence": 2},
        "roles": {"a.b": TITLE},
        "parameters": {"n": {"type": "int", "value": 1, **TITLE}},
        "sequences": {"s": "{year}{scope}{n:5}"},
        "counters": {"c": TITLE},
    },
    "group": {
        "group": "g",
        "title": TITLE,
        "steward": "a.b",
        "placement": "ledger",
        "fields": {"a": "int", "b": {"type": "list(map(n: text(60)), max 50)?", **TITLE}},
    },
    "register": {
        "register": "r",
        "title": TITLE,
        "steward": "a.b",
        "key": "auto",
        "fields": {"a": "int", "b": {"type": "ref(r)?", **TITLE}, "c": "sealed(g)"},
        "indexes": {"by_b": {"fields": ["b"], "unique": True}},
        "computed": {"c": {"type": "int", "rule": "this.a", **TITLE}},
        "invariants": [{**GUARD, "over": "by_b"}],
        "on_close": {"b": "refuse"},
        "retention": "30 years",
        "visibility": "blinded",
        "timers": {"t": {"at": "this.due", "call": "a", "input": {"a": "this.a"}}},
        "source": "a.c",
    },
    "guards": {
        "guard": "g",
        "title": TITLE,
        "law": ["l 1"],
        "on": ["a"],
        "let": {"x": "get(r, 1)"},
        "require": [GUARD],
    },
    "action": {
        "action": "a",
        "title": TITLE,
        "by": "a.b",
        "urgent": True,
        "mandates": [{"of": "x", "for": "sale"}],
        "input": {"a": "int"},
        "let": {"x": "get(r, input.a)"},
        "require": [GUARD],
        "do": EFFECTS,
    },
    "form": {
        "form": "f",
        "title": TITLE,
        "help": TITLE,
        "fields": [{"fills": "p.a.n"}, {"fills": ["p.a.m", "v"], "title": TITLE, "help": TITLE}],
        "evidence": {"deed": TITLE},
    },
    "scenarios": {
        "people": {"p": {"member": "m", "roles": ["a.b"], "subject": "s"}},
        "given": [{**STEP, "package": "governance", "at": "2026-09-01T09:00:00+08:00"}],
        "scenarios": [
            {
                "scenario": "s",
                **TITLE,
                "parameters": {"n": 2},
                "when": [{**STEP, "mandates": [{"by": "p", "for": "sale"}], "code": "no", "events": ["k"]}],
                "then": [{"register": "r", "key": "$x.r", "status": "absent", "count": 0}],
            }
        ],
    },
    "export": {
        "export": "e",
        "standard": "ISO 1",
        "objects": [{"class": "C", "from": "r", "each": "this.l", "id": "item", "set": {"a": "1"}}],
    },
    "port": {
        "port": "bank",
        "payments": [
            {
                "register": "r",
                "bank": "b",
                "when": {"state": "instructed"},
                "case": "record.s",
                "instruction": {"amount_fen": "g.a", "to": ["record.c", "record._key"]},
                "settled": {"action": "s", "input": {"r": "outcome.reference", "l": [{"a": "record._key"}]}},
                "failed": {"action": "f", "input": {}},
            }
        ],
    },
}
GONE = object()
# Schema, where in the least file, what is put there.
SPOILED = [
    ("package", ["vesion"], 1),
    ("package", ["version"], "1"),
    ("package", ["version"], 0),
    ("package", ["title"], GONE),
    ("package", ["package"], "Upper"),
    ("package", ["roles", "a..b"], TITLE),
    ("package", ["title", "en"], GONE),
    ("package", ["parameters", "n", "value"], GONE),
    ("package", ["parameters", "n", "unit"], "day"),
    ("package", ["sequences", "s"], "no number"),
    ("package", ["sequences", "s"], "{n:5}-{n:5}"),
    ("package", ["sequences", "s"], "{office}{n:5}"),
    ("package", ["requires", "evidence"], "two"),
    ("group", ["placement"], "everywhere"),
    ("group", ["steward"], GONE),
    ("group", ["fields", "b", "type"], "sealed"),
    ("register", ["felds"], {}),
    ("register", ["key"], GONE),
    ("register", ["fields"], ["a"]),
    ("register", ["fields", "a"], "integer"),
    ("register", ["fields", "a"], 1),
    ("register", ["fields", "b", "title"], "B"),
    ("register", ["fields", "b", "type"], GONE),
    ("register", ["fields", "_key"], "int"),
    ("register", ["fields", "in"], "int"),
    ("register", ["indexes", "by_b", "unique"], "yes"),
    ("register", ["indexes", "by_b", "fields"], []),
    ("register", ["computed", "c", "rule"], GONE),
    ("register", ["invariants", 0, "that"], GONE),
    ("register", ["invariants", 0, "law"], "l"),
    ("register", ["on_close", "b"], "ignore"),
    ("register", ["retention"], "0 years"),
    ("register", ["visibility"], "shut"),
    ("register", ["timers", "t", "call"], "A b"),
    ("register", ["source"], ["a.c"]),
    ("guards", ["do"], []),
    ("guards", ["on"], "a"),
    ("guards", ["require"], GONE),
    ("guards", ["require", 0, "cod"], "x"),
    ("form", ["field"], []),
    ("form", ["title"], GONE),
    ("form", ["fields", 0, "fills"], GONE),
    ("form", ["fields", 0, "fills"], "a.n"),
    ("form", ["fields", 0, "fills"], []),
    ("form", ["fields", 0, "type"], "int"),
    ("form", ["evidence", "deed"], "Deed"),
    ("action", ["dos"], []),
    ("action", ["by"], GONE),
    ("action", ["by"], {"role": "a.b"}),
    ("action", ["by"], ["a.b", 1]),
    ("action", ["urgent"], "soon"),
    ("action", ["law"], "l 1"),
    ("action", ["let", "x"], ["get"]),
    ("action", ["mandates", 0, "for"], GONE),
    ("action", ["do"], GONE),
    ("action", ["do", 0], {"delete": {"record": "x"}}),
    ("action", ["do", 0], {}),
    ("action", ["do", 0, "close"], {"record": "x", "reason": "end"}),
    ("action", ["do", 0, "insert", "fields"], GONE),
    ("action", ["do", 0, "insert", "numbers", "b", "sequence"], GONE),
    ("action", ["do", 1, "update", "corrects", "basis"], GONE),
    ("action", ["do", 1, "update", "record"], GONE),
    ("action", ["do", 2, "close", "reason"], GONE),
    ("action", ["do", 3, "event", "kind"], GONE),
    ("action", ["do", 4, "when", "that"], GONE),
    ("action", ["do", 4, "when", "do", 0, "each", "in"], GONE),
    ("action", ["do", 4, "when", "do", 0, "each", "do"], [{"insert": {"register": "r"}}]),
    ("action", ["do", 5, "call", "action"], GONE),
    ("action", ["do", 6, "count", "counter"], GONE),
    ("action", ["do", 6, "count", "limit", "code"], GONE),
    ("action", ["do", 7, "append", "field"], GONE),
    ("scenarios", ["scenario"], "s"),
    ("scenarios", ["people", "p", "member"], GONE),
    ("scenarios", ["given", 0, "action"], GONE),
    ("scenarios", ["given", 0, "at"], "tomorrow"),
    ("scenarios", ["scenarios", 0, "when"], GONE),
    ("scenarios", ["scenarios", 0, "when", 0, "mandate"], []),
    ("scenarios", ["scenarios", 0, "when", 0, "events"], "k"),
    ("scenarios", ["scenarios", 0, "then", 0, "status"], "open"),
    ("scenarios", ["scenarios", 0, "then", 0, "count"], -1),
    ("export", ["object"], []),
    ("export", ["standard"], GONE),
    ("export", ["objects"], {}),
    ("export", ["objects", 0, "set"], GONE),
    ("export", ["objects", 0, "where"], "true"),
    ("port", ["port"], "post"),
    ("port", ["payments"], []),
    ("port", ["payments", 0, "bank"], GONE),
    ("port", ["payments", 0, "when"], {}),
    ("port", ["payments", 0, "case"], "record"),
    ("port", ["payments", 0, "instruction", "to"], GONE),
    ("port", ["payments", 0, "instruction", "to"], "a.b.c"),
    ("port", ["payments", 0, "instruction", "account"], "g.a"),
    ("port", ["payments", 0, "settled", "input", "r"], 1),
    ("port", ["payments", 0, "settled", "input", "l"], [{"a": "r.a"}, {"a": "r.b"}]),
    ("port", ["payments", 0, "failed", "action"], GONE),
]


def spoil(name, path, value):
    file = copy.deepcopy(GOOD[name])
    part = file
    for step in path[:-1]:
        part = part[step]
    if value is GONE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return file


def main():
    paths = (ROOT / "docs/schemas").glob("*.json")
    schemas = {path.stem: json.loads(path.read_text("utf-8")) for path in paths}
    assert set(schemas) == NAMES, f"schemas are {sorted(schemas)}"
    faults, shared = [], {}
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        # Each stands alone, for editors; what several define is the same in all.
        for part, text in schema["$defs"].items():
            if shared.setdefault(part, text) != text:
                faults.append(f"docs/schemas/{name}.json: `{part}` differs from another schema's")
    check = {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas.items()}

    seen = dict.fromkeys(NAMES, 0)
    for where, name, text in files():
        seen[name] += 1
        for error in check[name].iter_errors(read(text)):
            faults.append(f"{where}: {error.json_path}: {error.message}")
    faults += [f"no file was checked against `{name}`" for name, n in seen.items() if n == 0]

    for name, file in GOOD.items():
        faults += [f"least {name}: {e.json_path}: {e.message}" for e in check[name].iter_errors(file)]
    for name, path, value in SPOILED:
        if check[name].is_valid(spoil(name, path, value)):
            what = "without it" if value is GONE else json.dumps(value, ensure_ascii=False)
            faults.append(f"{name}: {path} passes: {what}")

    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        return 1
    print(f"{sum(seen.values())} files fit their schemas, {len(SPOILED)} spoiled ones do not")
    return 0


if __name__ == "__main__":
    sys.exit(main())
