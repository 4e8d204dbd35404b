"""The description of a comparison: read, checked once, and the options of each arm."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from espnet_bljust.comparison import tasks, updates
from espnet_bljust.comparison.groups import resolve
from espnet_bljust.comparison.runs import Job
from espnet_bljust.disk.settings_file import read_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.randomness import MOST_SEED
from espnet_bljust.scoring.results import GREEDY

OPTIONAL = {"options", "tasks", "folds", "pretraining", "published", "pairs"}
KEYS = {"name", "seeds", "test_set", "reference", "arms", *OPTIONAL}
PUBLISHED = {"source": "", "metric": "", "figures": {}}
PLAIN = re.compile(r"\w[\w.+=@%,-]*")
OURS = ("seed", "asr_tag", "expdir", "stage", "stop_stage", "test_sets")  # options that a description cannot give


@dataclass(frozen=True)
class Published:
    """What others report for some of the arms; it stands beside ours and enters no test."""

    source: str
    metric: str  # what the figures are, in percent
    figures: Mapping[str, float]  # by arm


@dataclass(frozen=True)
class Description:
    """Arms x seeds, and what they are compared on; options are those of run.sh."""

    name: str
    seeds: Sequence[int]
    test_set: str
    reference: str  # an arm
    arms: Mapping[str, Mapping[str, Any]]  # name -> its own options
    options: Mapping[str, Any] = field(default_factory=dict)  # of all arms
    pairs: Mapping[str, str] = field(default_factory=dict)  # arm -> what it is compared with in the reference's place
    folds: int = 0  # of a cross-validation; 0: none
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # name of a rate -> tasks.py
    pretraining: Mapping[str, Any] = field(default_factory=dict)  # options of the one pre-training, updates.py
    updates: Mapping[str, int] = field(default_factory=dict)  # arm -> updates of the pre-training that it starts from
    published: Published | None = None

    def arm_options(self, arm: str) -> dict[str, Any]:
        """Options of all arms, then its own; asr_args of both."""
        return tasks.joined(self.options, self.arms[arm])

    @property
    def decoding(self) -> str:
        """The folder in which a run's scores lie."""
        return f"decode_{self.options.get('decode_name', GREEDY)}"

    @property
    def fold_numbers(self) -> Sequence[int]:
        """From 1; 0 alone where there are no folds."""
        return range(1, self.folds + 1) if self.folds else [0]

    def jobs(self) -> list[Job]:
        """Every run, in the order in which they are numbered."""
        return [Job(arm, seed, fold) for fold in self.fold_numbers for seed in self.seeds for arm in self.arms]


def read_description(
    path: Path, *, arms: Sequence[str] = (), pretrain_updates: str = "", expdir: Path = Path("exp"), score: str = "wer"
) -> Description:
    """Check what a typing error would make costly.

    arms: only these and what they are compared with; pretrain_updates: as "50k 100k", for a description with
    `pretraining`, whose weights lie below ``expdir``; score: what the table will be of.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such description. --config names it; egs2/mini/bljust/conf/compare.yaml is one.")
    content = read_yaml(path)
    content = resolve(path, content) if isinstance(content, dict) else {}
    if "pretraining" in content or pretrain_updates:
        content = updates.with_arms(path, content, pretrain_updates, expdir)
    optional = OPTIONAL | ({"test_set"} if "tasks" in content else set())
    keys = set(content)
    if odd := sorted(keys - KEYS) or sorted(KEYS - optional - keys):
        raise InputError(f"{path}: {odd[0]} is {'unknown' if odd[0] in keys else 'missing'}. "
                         f"A description has {', '.join(sorted({*KEYS, 'groups', 'include'}))}.")
    check_runs(path, content)
    check_table(path, content, score)
    check_options(path, content)
    description = Description(**{
        "test_set": "", **{name: value for name, value in content.items() if value is not None},
        "name": str(content["name"]), "arms": {arm: own or {} for arm, own in content["arms"].items()},
        "updates": updates.read_updates(pretrain_updates) if "pretraining" in content else {},
        "published": Published(**content["published"]) if "published" in content else None})
    if arms:
        description = replace(description, arms=only_arms(path, description, arms))
    return tasks.expand(path, description) if "tasks" in content else description


def check_runs(path: Path, content: Mapping[str, Any]) -> None:
    """Names, seeds, arms and their reference."""
    arms, seeds = content["arms"], content["seeds"]
    names = [content["name"], *(arms if isinstance(arms, dict) else [])]
    if odd := [name for name in names if not PLAIN.fullmatch(str(name))]:  # they name folders, and a shell reads them
        raise InputError(f"{path}: {str(odd[0])!r} is no plain name. Use letters, digits and . _ - in names.")
    if not isinstance(seeds, list) or not seeds or not all(
            type(seed) is int and 0 <= seed <= MOST_SEED for seed in seeds):
        raise InputError(f"{path}: seeds is {seeds!r}, not a list of whole numbers from 0 to {MOST_SEED}. "
                         "Write seeds: [0, 1, 2].")
    if len({*seeds}) < len(seeds):
        raise InputError(f"{path}: seeds {seeds} has one twice, which would be one run. Leave it out.")
    if not isinstance(arms, dict) or content["reference"] not in arms:
        raise InputError(f"{path}: reference {content['reference']!r} is none of the arms. Name one of them.")


def check_table(path: Path, content: Mapping[str, Any], score: str) -> None:
    """Pairs are of arms; and what asks for a table of another kind has neither pairs nor a choice of score."""
    pairs, arms = content.get("pairs", {}), content["arms"]
    if not isinstance(pairs, dict) or {*pairs, *pairs.values()} - set(arms):
        raise InputError(f"{path}: pairs is {pairs!r}, not arms with arms. Write pairs: {{ptft: bljust}}, say.")
    several = sorted({"tasks", "folds", "pretraining"} & set(content))
    if several and (pairs or score != "wer"):
        raise InputError(f"{path}: has {several[0]}, whose table knows neither pairs nor --score. Leave them out.")
    if "folds" in content and not (type(content["folds"]) is int and content["folds"] > 1):
        raise InputError(f"{path}: folds is {content['folds']!r}, not a whole number from 2. Write folds: 6, say.")
    published = content.get("published", PUBLISHED)
    if not isinstance(published, dict) or set(published) != set(PUBLISHED) or set(published["figures"]) - set(arms):
        raise InputError(f"{path}: published wants source, metric, and figures of arms. Mend it there.")


def check_options(path: Path, content: Mapping[str, Any]) -> None:
    """Keys with values, and none that the comparison decides."""
    for arm, own in content["arms"].items():
        parts = content.get("options") or {}, own or {}
        if not all(isinstance(part, dict) for part in parts):
            raise InputError(f"{path}: options of arm {arm} are no keys with values. Write `name: value` lines.")
        if taken := sorted({*parts[0], *parts[1]} & set(OURS)):
            raise InputError(f"{path}: arm {arm} sets {taken[0]}, which the comparison decides. Leave it out.")


def only_arms(path: Path, description: Description, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """These arms of the description with what they are compared with, in its order."""
    if odd := [name for name in names if name not in description.arms]:
        raise InputError(f"{path}: --arms names {odd[0]!r}, which is none of {', '.join(map(str, description.arms))}.")
    pairs = description.pairs
    wanted = {*names, description.reference, *(pairs[name] for name in names if name in pairs)}
    return {arm: own for arm, own in description.arms.items() if arm in wanted}
