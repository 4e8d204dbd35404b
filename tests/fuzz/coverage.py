"""Which lines of ours have run, through sys.monitoring: a line costs something the first time only."""

import sys
from pathlib import Path
from types import CodeType

TOOL = sys.monitoring.COVERAGE_ID


class Lines:
    """``seen``: (file, line); another process starts it for itself."""

    def __init__(self, root: Path) -> None:
        self.roots = (f"{root}/espnet_bljust/", f"{root}/egs2/")
        self.seen: set[tuple[str, int]] = set()
        self.new = False

    def start(self) -> None:
        sys.monitoring.use_tool_id(TOOL, "fuzz")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, self._line)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)

    def take_new(self) -> bool:
        """Whether there was a new line since the last call."""
        new, self.new = self.new, False
        return new

    def _line(self, code: CodeType, number: int) -> object:
        if code.co_filename.startswith(self.roots) and (code.co_filename, number) not in self.seen:
            self.seen.add((code.co_filename, number))
            self.new = True
        return sys.monitoring.DISABLE
