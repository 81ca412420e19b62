"""Put jobs into the queue, as the worker's own role, in a process of its own.

The input is a JSON list of [task, arguments].
"""

from __future__ import annotations

import json
import sys

import django


def main() -> None:
    django.setup()
    from procrastinate.contrib.django import app

    for task, arguments in json.loads(sys.argv[1]):
        app.configure_task(task).defer(**arguments)


if __name__ == "__main__":
    main()
