"""Run a script of a recipe, local/data.py, so that the files beside it can be imported and shadow nothing of Python's.

    python -m espnet_bljust.shell.recipe_script local/data.py [word ...]
"""

import runpy
import sys
from pathlib import Path


def run_script(script: str, words: list[str]) -> None:
    """As ``python script words``, with its folder behind Python's own library and before installed packages."""
    folder = str(Path(script).resolve().parent)
    packages = (place for place, entry in enumerate(sys.path) if Path(entry).name == "site-packages")
    sys.path.insert(next(packages, len(sys.path)), folder)
    sys.argv = [script, *words]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    run_script(sys.argv[1], sys.argv[2:])
