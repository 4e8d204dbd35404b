"""What this machine and this environment offer: versions, CPU, GPU, disk, optional tools, and what is missing.

Leaves with status 1 when a package that the stages need is missing or of an unfit version.
"""

import argparse
import sys

from espnet_bljust.command import run
from espnet_bljust.shell.machine import examine


def main(options: argparse.Namespace) -> None:
    """A line for each thing that was looked at, and the sum of it."""
    findings = list(examine())
    for finding in findings:
        print(f"{finding.mark}  {finding.what}{'  -> ' + finding.remedy if finding.remedy else ''}")
    broken = [finding for finding in findings if finding.mark == "!!"]
    print(f"doctor: {f'{len(broken)} to mend, marked !!' if broken else 'all that the stages need is here'}")
    sys.exit(1 if broken else 0)


def get_parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(description=__doc__)


if __name__ == "__main__":
    run(get_parser(), main)
