"""One file of acts for each section of the security page.

The acts of a file in this folder are registered: nothing lists the files.
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.sabotage import saboteurs

for _module in sorted(found.name for found in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

SABOTEURS = tuple(saboteurs.REGISTERED)
