"""Describe operations of Amazon's API as its SDK for Python, amzn-sp-api, knows them.

It prints JSON like Amazon's OpenAPI documents, and runs in the environment that bin/clients makes.
The arguments are names of the SDK's packages, such as `orders_v2026_01_01`. What the SDK doesn't
have is left out: examples, and formats but dates.
"""

# mypy: ignore-errors

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator

_SIMPLE = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "object": {},
}


def classes(kind: str, package: str) -> Iterator[type]:
    """Yield the classes that the modules of `spapi.<kind>.<package>` define."""
    folder = importlib.import_module(f"spapi.{kind}.{package}")
    for found in pkgutil.iter_modules(folder.__path__):
        module = importlib.import_module(f"{folder.__name__}.{found.name}")
        for _, one in inspect.getmembers(module, inspect.isclass):
            if one.__module__ == module.__name__:
                yield one


def schema_of_type(name: str) -> dict:
    """Return the schema of a type as the SDK names it: `str`, `List[Order]`, `Money`."""
    if found := re.fullmatch(r"[Ll]ist\[(.+)\]", name):
        return {"type": "array", "items": schema_of_type(found[1])}
    if found := re.fullmatch(r"[Dd]ict(?:\[|\()str, (.+)(?:\]|\))", name):
        return {"type": "object", "additionalProperties": schema_of_type(found[1])}
    return dict(_SIMPLE.get(name) or {"$ref": f"#/definitions/{name}"})


def definition(model: type) -> dict:
    """Return the schema of a model: its properties, those that it requires, and their enumerations."""
    if not model.swagger_types:
        values = [value for name, value in vars(model).items() if name.isupper()]
        return {"type": "string", "enum": values} if values else {"type": "object"}
    properties, required = {}, []
    for attribute, kind in model.swagger_types.items():
        name = model.attribute_map[attribute]
        properties[name] = schema = schema_of_type(kind)
        source = inspect.getsource(getattr(model, attribute).fset)
        if "must not be `None`" in source:
            required.append(name)
        if found := re.search(r"allowed_values = (\[.*?\])", source, re.DOTALL):
            (schema["items"] if schema.get("type") == "array" else schema)["enum"] = json.loads(
                found[1]
            )
    described = {"type": "object", "properties": properties}
    return {**described, "required": required} if required else described


def operations(api: type) -> Iterator[tuple[str, str, dict]]:
    """Yield path, method and description of each operation of an API."""
    for name, function in inspect.getmembers(api, inspect.isfunction):
        if not name.endswith("_with_http_info"):
            continue
        source, first = inspect.getsource(function), name.removesuffix("_with_http_info")
        words = first.split("_")
        path, method = re.search(r"'(/[^']*)', '([A-Z]+)'", source).groups()
        parameters = [
            {"name": one, "in": "query"}
            for one in re.findall(r"query_params\.append\(\('(\w+)'", source)
        ]
        if found := re.search(r"body_params = params\['(\w+)'\]", source):
            (kind,) = re.findall(rf":param (\S+) {found[1]}:", source)
            parameters.append({"name": found[1], "in": "body", "schema": schema_of_type(kind)})
        answer = re.search(r"response_type='(\w+)'", source)
        yield (
            path,
            method.lower(),
            {
                "operationId": words[0] + "".join(word.capitalize() for word in words[1:]),
                "description": inspect.getdoc(function),
                "parameters": parameters,
                "responses": {"200": {"schema": schema_of_type(answer[1])}} if answer else {},
            },
        )


def described(package: str) -> dict:
    paths: dict = {}
    for api in classes("api", package):
        for path, method, operation in operations(api):
            paths.setdefault(path, {})[method] = operation
    models = classes("models", package)
    return {"paths": paths, "definitions": {model.__name__: definition(model) for model in models}}


json.dump({package: described(package) for package in sys.argv[1:]}, sys.stdout)
