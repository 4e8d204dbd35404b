"""What every command does around its own work: errors in one line, `--debug`, exit codes; types of option values."""

import argparse
import errno
import sys
from collections.abc import Callable
from typing import NoReturn

from espnet_bljust.errors import InputError
from espnet_bljust.randomness import MOST_SEED

LONGEST_LINE = 2000  # characters of an error
REMEDIES = {
    errno.ENOENT: "Correct the name, or run the stage that makes it",
    errno.EACCES: "Give yourself the right to it (ls -ld shows whose it is)",
    errno.EROFS: "Choose folders on a disk that can be written (--dumpdir, --expdir)",
    errno.ENOSPC: "Free some space (df -h shows where), then run the stage again",
    errno.EFBIG: "Allow larger files: ulimit -f unlimited",
    errno.EDQUOT: "Free some of your quota, then run the stage again",
    errno.EMFILE: "Allow more open files: ulimit -n 4096",
}

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], None]) -> None:
    """Parse the command line, call ``main`` with it and leave; an InputError becomes one line and status 1."""
    parser.prog = parser.prog.removesuffix(".py")
    parser.add_argument("--debug", type=true_false, default=False, metavar="true|false",
                        help="show the traceback of an error in the input (default: false)")
    parser.error = lambda message: stop(parser.prog, message)  # one line, without the list of all options
    options = parser.parse_args()
    try:
        main(options)
    except (InputError, OSError, RuntimeError) as error:
        refusal = refused(error)
        if options.debug or not (refusal or isinstance(error, InputError)):
            raise
        print(f"error: {shown(refusal or error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def shown(error: InputError | OSError) -> str:
    """For a terminal: what a stranger's file put into the message neither moves the cursor nor fills the screen."""
    message = str(error) if isinstance(error, InputError) else system_problem(error)
    lines = ["".join(letter if letter.isprintable() or letter == "\t" else ascii(letter)[1:-1] for letter in line)
             for line in message.split("\n")]  # fmt: skip
    return "\n".join(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ..." for line in lines)


def stop(program: str, message: str) -> NoReturn:
    """A wrong option: status 2, as argparse has it."""
    print(f"{program}: {message}. {program} --help lists the options.", file=sys.stderr)
    sys.exit(2)


def refused(error: Exception) -> OSError | None:
    """What the system refused: the error itself, or a full disk below it, of which torch.save says that a position
    is unexpected.
    """
    if isinstance(error, OSError):
        return error
    below = error.__context__
    full = isinstance(error, RuntimeError) and isinstance(below, OSError) and below.errno in NO_ROOM
    return below if full else None


def system_problem(error: OSError) -> str:
    """What the system refused, in our three facts: where, what, remedy."""
    what = (error.strerror or str(error)).lower()
    remedy = REMEDIES.get(error.errno or 0, "--debug true shows where it happened")
    return f"{error.filename or 'a file that was being written'}: {what}. {remedy}."


def true_false(value: str) -> bool:
    """``true`` or ``false``, as ESPnet's options are written."""
    if value.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{value}: not true or false")
    return value.lower() == "true"


def minutes(value: str) -> float:
    """A time that is not negative."""
    if not 0 <= float(value) < float("inf"):
        raise argparse.ArgumentTypeError(f"{value}: not a number of minutes; 0 is none")
    return float(value)


def days(value: str) -> float:
    """A time that is not negative."""
    if not 0 <= float(value) < float("inf"):
        raise argparse.ArgumentTypeError(f"{value}: not a number of days; 0 is however many")
    return float(value)


def seed(value: str) -> int:
    """A seed that numpy takes too."""
    if not value.isdecimal() or int(value) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"{value}: not a whole number from 0 to {MOST_SEED}")
    return int(value)


def sampling_rate(value: str) -> int:
    """Hz from ``16000`` or ``16k``."""
    number, scale = (value[:-1], 1000) if value.lower().endswith("k") else (value, 1)
    try:
        return round(float(number) * scale)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value}: not a rate such as 16000 or 16k") from None


def names(value: str) -> list[str]:
    """Names between spaces in one argument: ``"test_clean test_other"``."""
    return value.split()
