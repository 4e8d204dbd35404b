"""The description of a comparison: read, checked, and the options of each arm."""

import argparse
import re
from pathlib import Path

from espnet_bljust.comparison import tasks, updates
from espnet_bljust.comparison.groups import resolve
from espnet_bljust.disk.settings_file import read_yaml
from espnet_bljust.errors import InputError

OPTIONAL = {"options", "tasks", "folds", "pretraining", "published", "pairs"}
KEYS = {"name", "seeds", "test_set", "reference", "arms", *OPTIONAL}
PUBLISHED = {"source": "", "metric": "", "figures": {}}
PLAIN = re.compile(r"\w[\w.+=@%,-]*")
OURS = ("seed", "asr_tag", "expdir", "stage", "stop_stage", "test_sets")  # options that a description cannot give

def read_description(path: Path, options: argparse.Namespace) -> dict:
    """Check what a typing error would make costly."""
    if not path.is_file():
        raise InputError(f"{path}: no such description. --config names it; egs2/mini/bljust/conf/compare.yaml is one.")
    found = read_yaml(path)
    found = resolve(path, found) if isinstance(found, dict) else found
    keys = set(found) if isinstance(found, dict) else set()
    if "pretraining" in keys or options.pretrain_updates:
        found = updates.with_arms(found if keys else {}, options)
        keys = set(found)
    optional = OPTIONAL | ({"test_set"} if "tasks" in keys else set())
    if odd := sorted(keys - KEYS) or sorted(KEYS - optional - keys):
        raise InputError(f"{path}: {odd[0]} is {'unknown' if odd[0] in keys else 'missing'}. "
                         f"A description has {', '.join(sorted({*KEYS, 'groups', 'include'}))}.")
    names = [found["name"], *(found["arms"] if isinstance(found["arms"], dict) else [])]
    if odd := [name for name in names if not PLAIN.fullmatch(str(name))]:  # they name folders, and a shell reads them
        raise InputError(f"{path}: {str(odd[0])!r} is no plain name. Use letters, digits and . _ - in names.")
    seeds = found["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise InputError(f"{path}: seeds is {seeds!r}, not a list of whole numbers. Write seeds: [0, 1, 2].")
    if not isinstance(found["arms"], dict) or found["reference"] not in found["arms"]:
        raise InputError(f"{path}: reference {found['reference']!r} is none of the arms. Name one of them.")
    check_table(path, found, options.score)
    if "folds" in found and not (isinstance(found["folds"], int) and found["folds"] > 1):
        raise InputError(f"{path}: folds is {found['folds']!r}, not a whole number from 2. Write folds: 6, say.")
    published = found.get("published", PUBLISHED)
    if not isinstance(published, dict) or set(published) != set(PUBLISHED) or set(published["figures"]) - set(
            found["arms"]):
        raise InputError(f"{path}: published wants source, metric, and figures of arms. Mend it there.")
    for arm in found["arms"]:
        if not all(isinstance(part or {}, dict) for part in (found.get("options"), found["arms"][arm])):
            raise InputError(f"{path}: options of arm {arm} are no keys with values. Write `name: value` lines.")
        if taken := sorted(set(arm_options(found, arm)) & set(OURS)):
            raise InputError(f"{path}: arm {arm} sets {taken[0]}, which the comparison decides. Leave it out.")
    if options.arms:
        found["arms"] = only_arms(path, found, options.arms.split())
    return tasks.expand(path, found) if "tasks" in found else found


def check_table(path: Path, found: dict, score: str) -> None:
    """Pairs are of arms; and what asks for a table of another kind has neither pairs nor a choice of score."""
    pairs = found.get("pairs", {})
    if not isinstance(pairs, dict) or {*pairs, *pairs.values()} - set(found["arms"]):
        raise InputError(f"{path}: pairs is {pairs!r}, not arms with arms. Write pairs: {{ptft: bljust}}, say.")
    several = sorted({"tasks", "folds", "pretraining"} & set(found))
    if several and (pairs or score != "wer"):
        raise InputError(f"{path}: has {several[0]}, whose table knows neither pairs nor --score. Leave them out.")


def only_arms(path: Path, found: dict, names: list[str]) -> dict:
    """These arms of the description with what they are compared with, in its order."""
    if odd := [name for name in names if name not in found["arms"]]:
        raise InputError(f"{path}: --arms names {odd[0]!r}, which is none of {', '.join(map(str, found['arms']))}.")
    pairs = found.get("pairs", {})
    wanted = {*names, found["reference"], *(pairs[name] for name in names if name in pairs)}
    return {arm: values for arm, values in found["arms"].items() if arm in wanted}


def arm_options(description: dict, arm: str) -> dict:
    """Options of all arms, then its own; asr_args of both."""
    common, own = description.get("options") or {}, description["arms"][arm] or {}
    joined = " ".join(str(part["asr_args"]) for part in (common, own) if "asr_args" in part)
    return {**common, **own, **({"asr_args": joined} if joined else {})}
