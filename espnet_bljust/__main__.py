"""`bljust <command>`: any command of bin/, with - or _ in its name; `bljust --help` lists them and imports none."""

import ast
import difflib
import runpy
import sys
from pathlib import Path

COMMANDS = Path(__file__).parent / "bin"


def main() -> None:
    """Run the command that the first word names, with the others, as python -m espnet_bljust.bin.<command> does."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        sys.exit(0 if words else 2)
    name = words[0].replace("-", "_")
    if name not in commands():
        near = difflib.get_close_matches(name, commands(), 1, 0)[0]
        print(f"bljust {words[0]}: no such command. Did you mean {near}? bljust --help lists them.", file=sys.stderr)
        sys.exit(2)
    sys.argv = [f"bljust {name}", *words[1:]]
    runpy.run_module(f"espnet_bljust.bin.{name}", run_name="__main__")


def commands() -> list[str]:
    """Their names, in the order of the alphabet."""
    return sorted(path.stem for path in COMMANDS.glob("*.py") if path.stem != "__init__")


def overview() -> str:
    """A line for each command: the first of its docstring, read from the file and not imported."""
    width = max(map(len, commands()))
    lines = [f"  {name:<{width}}  {first_line(COMMANDS / f'{name}.py')}" for name in commands()]
    return "\n".join(["usage: bljust <command> [options]; bljust <command> --help tells its options", "", *lines])


def first_line(path: Path) -> str:
    """Of the docstring of a module."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


if __name__ == "__main__":
    main()
