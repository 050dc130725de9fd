"""A package's extension module without the package, whose own start costs more than its use.

`import astropy_healpix` loads all of astropy's coordinates before it looks at what was asked for;
what is used of it is one module in C, which needs none of that.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

__all__ = ["extension"]


def extension(name: str) -> ModuleType:
    """The extension module of that name: ``package.module``, with packages between or not.

    Loaded by itself where its file is beside the package's others, else with the package.
    """
    if name in sys.modules:
        return sys.modules[name]
    package, *folders, module = name.split(".")
    spec = importlib.util.find_spec(package)
    for place in spec.submodule_search_locations or () if spec else ():
        for suffix in EXTENSION_SUFFIXES:
            path = Path(place, *folders, module + suffix)
            if path.is_file():
                found = importlib.util.spec_from_file_location(name, path)
                loaded = importlib.util.module_from_spec(found)
                found.loader.exec_module(loaded)
                # the package finds it there when it is loaded after all
                return sys.modules.setdefault(name, loaded)
    return importlib.import_module(name)
