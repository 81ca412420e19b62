"""A new job over all shops: it deletes rows of a table by age, one shop after another."""

from __future__ import annotations

import re

from tools.scaffold.edits import (
    Edits,
    ScaffoldError,
    app_label,
    check_name,
    newest_migration,
    template,
)

_RETENTION = "src/theseller/retention"
_LIMITS = f"{_RETENTION}/retention_limits.py"
#: The beginning of a column's type, and a value for the test.
_VALUES = (
    ("uuid", "new_id()"),
    ("timestamp", "NOON"),
    ("date", "NOON.date()"),
    ("boolean", "False"),
    ("bytea", "bytes(32)"),
    ("json", '"{}"'),
    ("text[]", "[]"),
    ("text", '"x"'),
    ("", "1"),
)
_GRANTS = "src/theseller/postgres/sql/grants.sql"


def add_expiry_job(edits: Edits, *, name: str, table: str, age: str, days: int) -> None:
    """Add a daily job that deletes a table's rows by age.

    Args:
        edits: what is written.
        name: what is deleted, such as ``drift``; it is in the names of the module and the job.
        table: whose rows are deleted.
        age: the column with their time.
        days: how old they become.

    Raises:
        ScaffoldError: an argument is invalid.
    """
    check_name(name)
    package, columns = _package_of(edits, table), _sample_row(edits, table)
    if not {"tenant_id", age} <= columns.keys():
        raise ScaffoldError(f"{table} has not both columns tenant_id and {age}")
    columns |= {"tenant_id": "", age: ""}
    own = newest_migration(edits.root, "retention")
    needed = ["retention", own], [app_label(edits, package), newest_migration(edits.root, package)]
    values = {
        "name": name, "table": table, "age": age, "days": str(days),
        "constant": f"{name.upper()}_DAYS",
        "dependencies": ", ".join(
            f'("{app}", "{migration}")' for app, migration in dict.fromkeys(map(tuple, needed))
        ),
        "columns": "\n".join(
            f'    "{one}": {value},' for one, value in columns.items() if value
        ),
    }  # fmt: skip
    number = int(own[:4]) + 1
    edits.create(f"{_RETENTION}/sql/old_{name}.sql", template("expiry.sql", values))
    edits.create(
        f"{_RETENTION}/migrations/{number:04}_old_{name}.py",
        template("expiry_migration.py", values),
    )
    edits.create(f"{_RETENTION}/{name}_expiry.py", template("expiry.py", values))
    edits.create(
        f"tests/integration/retention/test_{name}_expiry.py", template("expiry_test.py", values)
    )
    _add_task(edits, values)
    _add_limit(edits, values)
    _add_function(edits, package, values)
    _add_meaning(edits, values)


def _package_of(edits: Edits, table: str) -> str:
    for path in sorted((edits.root / "src/theseller").glob("*/datamap.py")):
        if _descriptor(path.read_text(encoding="utf-8"), table):
            return path.parent.name
    raise ScaffoldError(f"no datamap.py describes the table {table}")


def _sample_row(edits: Edits, table: str) -> dict[str, str]:
    """Return each column with a value in Python, or with none if it may be left out."""
    text = edits.read("docs/develop/schema.md").partition(f"\n## {table}\n")[2]
    own = text.partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| (\w+) \| (.+?) \|(.*?)\|(.*?)\|$", own)
    return {
        name: "" if null.strip() or default.strip() else _value(kind)
        for name, kind, null, default in rows
        if name != "column"
    }


def _value(kind: str) -> str:
    return next(value for beginning, value in _VALUES if kind.startswith(beginning))


def _descriptor(text: str, table: str) -> re.Match[str] | None:
    return re.search(rf'describe_table\(\n    "{re.escape(table)}",.*?\n\)\n', text, re.DOTALL)


def _add_task(edits: Edits, values: dict[str, str]) -> None:
    tasks, name = f"{_RETENTION}/tasks.py", values["name"]
    edits.before(
        tasks,
        "from theseller.retention.fact_expiry",
        f"from theseller.retention.{name}_expiry import delete_old_{name}_of_all_tenants\n",
    )
    edits.append(tasks, template("expiry_task.py", values))
    edits.after(
        "src/theseller/datamap/non_table_objects.py",
        '    "retention.delete_expired_facts": frozenset({"timestamp"}),\n',
        f'    "retention.delete_old_{name}": frozenset({{"timestamp"}}),\n',
    )


def _add_limit(edits: Edits, values: dict[str, str]) -> None:
    constant = values["constant"]
    names = re.findall(r'^    "(\w+)",$', edits.read(_LIMITS), re.MULTILINE)
    following = min((one for one in names if one > constant), default="")
    if constant in names:
        raise ScaffoldError(f"{constant} is in {_LIMITS} already")
    anchor = f'    "{following}",\n' if following else "]\n"
    edits.before(_LIMITS, anchor, f'    "{constant}",\n')
    edits.append(
        _LIMITS,
        f"#: Rows of `{values['table']}` are deleted when they are this old.\n"
        f"{constant} = {values['days']}\n",
    )


def _add_function(edits: Edits, package: str, values: dict[str, str]) -> None:
    """Name the function in the table's descriptor; let its owner read the columns it needs."""
    path = f"src/theseller/{package}/datamap.py"
    text = edits.read(path)
    found = _descriptor(text, values["table"])
    if found is None:
        raise ScaffoldError(f"{path} does not describe {values['table']}")
    function = (
        f'CrossTenantFunction("tenants_with_old_{values["name"]}(timestamptz, int)", ("worker",)),'
    )
    new = found[0]
    if "    functions=(" in new:
        new = new.replace("    functions=(", f"    functions=({function}", 1)
    else:
        new = new.removesuffix(")\n") + f"    functions=({function}),\n)\n"
    new = re.sub(r'    retention="([^"]*)"', rf'    retention="\1; {values["days"]} days"', new)
    edits.replace(path, text.replace(found[0], _with_right(edits, new, values)))
    if "CrossTenantFunction" not in text:
        edits.after(path, "from theseller.datamap.types import ", "CrossTenantFunction, ")


def _with_right(edits: Edits, descriptor: str, values: dict[str, str]) -> str:
    """Return the descriptor with the owner's right to the columns, or grant it in `grants.sql`."""
    right = f"select (tenant_id, {values['age']})"
    if "    grants=(" not in descriptor:
        edits.after(
            _GRANTS,
            "grant select (tenant_id, user_id) on connections_attempt to theseller_directory;\n",
            f"grant {right} on {values['table']} to theseller_directory;\n",
        )
        return descriptor
    granted = re.search(r'\("directory", "select \((.*?)\)', descriptor)
    if granted is None and '("directory", ' not in descriptor:
        return descriptor.replace("    grants=(", f'    grants=(("directory", "{right}"),', 1)
    if granted is None or values["age"] in granted[1].split(", "):
        return descriptor
    wider = granted[0].replace(granted[1], f"{granted[1]}, {values['age']}")
    return descriptor.replace(granted[0], wider)


def _add_meaning(edits: Edits, values: dict[str, str]) -> None:
    """Enter the job's log event in the table of events, which is sorted."""
    path, event = "docs/operate/monitoring.md", f"old_{values['name']}_not_deleted"
    events = re.findall(r"(?m)^\| `(\w+)` \| \w+ \|", edits.read(path))
    row = (
        f"| `{event}` | retention | rows of `{values['table']}` of one shop that are older than"
        f" {values['days']} days could not be deleted; the job fails, and runs again next day |\n"
    )
    following = [one for one in events if one > event]
    edits.before(path, f"| `{following[0]}` |", row)
