"""A substitute for the `aws` command, by AWS's library against the test's moto.

It is called as `aws SERVICE VERB --some-option VALUE …`.

It takes what the documentation uses: plain options, and `--query A.B --output text`. An option or
verb that AWS's library doesn't know fails.
"""

from __future__ import annotations

import os
import sys

import boto3


def _typed(value: str) -> str | int:
    return int(value) if value.isdigit() else value


def main(arguments: list[str]) -> int:
    service, verb, *rest = arguments
    options = dict(zip((name.removeprefix("--") for name in rest[::2]), rest[1::2], strict=True))
    query, output = options.pop("query", ""), options.pop("output", "")
    parameters = {
        "".join(word.capitalize() for word in name.split("-")): _typed(value)
        for name, value in options.items()
    }
    client = boto3.session.Session(region_name="eu-central-1").client(
        service, endpoint_url=os.environ["TEST_AWS_ENDPOINT"]
    )
    answer = getattr(client, verb.replace("-", "_"))(**parameters)
    for name in query.split(".") if query else ():
        answer = answer[name]
    if output == "text":
        print(answer)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
