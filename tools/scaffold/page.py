"""A new page for the members of a shop: query, view, template, URL, its row of the matrix, test."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.scaffold.edits import (
    Edits,
    ScaffoldError,
    add_to_changelog,
    check_name,
    class_name,
    template,
)

_MATRIX = "tests/completeness/url_matrix.py"
_NAVIGATION = "src/theseller/edge/page_context.py"
_ICONS = "src/theseller/edge/static/edge/icons.svg"
_VIEWS = re.compile(
    r"^from (theseller\.[\w.]+) import"
    r" (?:\((?:\s*\w+,)*?\s*views,(?:\s*\w+,)*\s*\)|(?:\w+, )*views$)",
    re.MULTILINE,
)
#: What a view imports; those that its module has already are not added.
_IMPORTS = (
    "from django.http import HttpRequest, HttpResponse",
    "from django.shortcuts import render",
    "from django.views.decorators.http import require_safe",
    "from theseller.accounts.authorization import tenant_permission_required",
    "from theseller.accounts.types import Permission, TenantContext",
    "from theseller.tenancy.tenant_scope import tenant_scope",
)


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """What the navigation shows; `icon` is an ID of the sprite."""

    label: str
    icon: str


def add_page(
    edits: Edits, *, package: str, name: str, title: str, navigation: NavigationEntry | None
) -> None:
    """Add a page that every member of a shop may read.

    Args:
        edits: what is written.
        package: the feature package that has the data.
        name: of the view; the address is the same with hyphens.
        title: shown on the page.
        navigation: its entry in the navigation, if it gets one.

    Raises:
        ScaffoldError: an argument is invalid.
    """
    check_name(name)
    urls = f"src/theseller/{package}/urls.py"
    found = _VIEWS.search(edits.read(urls))
    if found is None:
        raise ScaffoldError(f"{urls} imports no `views`: see docs/develop/add-a-page.md")
    module = found[1]
    path = name.replace("_", "-") + "/"
    values = {
        "name": name, "class": class_name(name), "title": title, "package": package,
        "address": _prefix(edits, package) + path,
    }  # fmt: skip
    folder = "src/" + module.replace(".", "/")
    edits.create(f"{folder}/{name}_queries.py", template("page_queries.py", values))
    edits.create(
        f"src/theseller/{package}/templates/{package}/{name}.html", template("page.html", values)
    )
    _add_view(edits, f"{folder}/views.py", f"{module}.{name}_queries", values)
    edits.after(
        urls, "urlpatterns = [\n", f'    path("{path}", views.{name}, name="{path[:-1]}"),\n'
    )
    _add_to_matrix(edits, values["address"].removeprefix("/"))
    edits.create(
        f"tests/integration/{package}/test_{name}_page.py", template("page_test.py", values)
    )
    edits.after(
        "tests/integration/edge/test_translation.py",
        '    for address in (\n        "/",\n',
        f'        "{values["address"]}",\n',
    )
    if navigation is not None:
        _add_to_navigation(edits, f"{package}:{path[:-1]}", navigation)
    add_to_changelog(edits, f"The page *{title}*.")


def _prefix(edits: Edits, package: str) -> str:
    """Return the path below which the package's URLs are."""
    found = re.search(
        rf'path\("([\w/-]*)", include\("theseller\.{package}\.urls"\)',
        edits.read("src/theseller/config/urls.py"),
    )
    if found is None:
        raise ScaffoldError(f"config/urls.py does not include the URLs of {package}")
    return "/" + found[1]


def _add_view(edits: Edits, path: str, queries: str, values: dict[str, str]) -> None:
    text = edits.read(path)
    wanted = [*_IMPORTS, f"from {queries} import {values['name']}_rows"]
    lines = [line for line in wanted if not _has(text, line)]
    edits.after(path, "from __future__ import annotations\n", "\n" + "\n".join(lines) + "\n")
    edits.append(path, template("page_view.py", values))


def _has(text: str, line: str) -> bool:
    """Return whether a module imports all names of an import line."""
    module, _, names = line.removeprefix("from ").partition(" import ")
    found = re.search(
        rf"^from {re.escape(module)} import \(?([^()]*?)\)?$", text, re.MULTILINE | re.DOTALL
    )
    have = set(re.split(r"[\s,]+", found[1])) if found else set()
    return set(names.split(", ")) <= have


def _add_to_matrix(edits: Edits, address: str) -> None:
    allowed = "302  200  302  302  200  200  200  200"
    refused = "302" + "  405" * 7
    edits.before(
        _MATRIX,
        "products/      ",
        f"{address:<47} GET  {allowed}\n{'':<47} POST {refused}\n",
    )


def _add_to_navigation(edits: Edits, url: str, entry: NavigationEntry) -> None:
    listed = edits.read(_NAVIGATION).partition("DEFAULT_NAVIGATION = (")[2].partition("\n)\n")[0]
    labels = re.findall(r'gettext_noop\("([^"]+)"\)', listed)
    same = [label for label in labels if label[0].casefold() == entry.label[0].casefold()]
    if same:
        raise ScaffoldError(
            f"the label {entry.label!r} begins as {same[0]!r} does: each needs a letter of its own"
        )
    if f'id="{entry.icon}"' not in edits.read(_ICONS):
        raise ScaffoldError(f"{_ICONS} has no icon {entry.icon!r}")
    edits.before(
        _NAVIGATION,
        '    ("controls:page"',
        f'    ("{url}", gettext_noop("{entry.label}"), "{entry.icon}"),\n',
    )
