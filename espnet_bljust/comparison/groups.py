"""Options that the arms of a comparison share, written down once: groups by name, and a file for several descriptions.

    include: shared.yaml                        # beside the description: `options` and `groups` for all that include it
    groups:
      half: {asr_args: batch_seconds=8 unlabelled_batch_seconds=12.5}
    options: {use: [half], nbest_average: 3}    # of all arms
    arms:
      bljust: {method: bljust}
      slow: {use: [small_steps], method: bljust, asr_args: plan_conf.gamma_max=0.3}

An arm has the options of its groups in their order, then its own: later ones win, and asr_args are joined. What a
description says itself wins over what it includes.
"""

from pathlib import Path

from espnet_bljust.comparison.tasks import joined
from espnet_bljust.disk.settings_file import read_yaml
from espnet_bljust.errors import InputError

SHARED = {"options", "groups"}  # what a file to include may hold


def resolve(path: Path, description: dict) -> dict:
    """The description of ``path`` without `include`, `groups` and `use`: every option stands where it holds."""
    included = read_included(path, description["include"]) if "include" in description else {}
    groups = {**read_groups(path, included), **read_groups(path, description)}
    found = {key: value for key, value in description.items() if key not in ("include", "groups")}
    parts = [with_groups(path, "options", part.get("options"), groups) for part in (included, description)]
    if any(parts):
        found["options"] = joined(*parts)
    if isinstance(found.get("arms"), dict):
        found["arms"] = {arm: with_groups(path, f"arm {arm}", own, groups) for arm, own in found["arms"].items()}
    return found


def read_included(path: Path, name: object) -> dict:
    """The file that ``path`` includes, beside it."""
    file = path.parent / str(name)
    if not isinstance(name, str) or not file.is_file():
        raise InputError(f"{path}: include is {name!r}, and there is no file {file}. Correct the name.")
    content = read_yaml(file)
    if not isinstance(content, dict) or (odd := sorted(map(str, set(content) - SHARED))):
        raise InputError(f"{file}: {odd[0] if isinstance(content, dict) else repr(content)} cannot be included. "
                         f"Such a file has {' and '.join(sorted(SHARED))} alone.")
    return content


def read_groups(path: Path, part: dict) -> dict[str, dict]:
    """Group -> options of run.sh."""
    groups = part.get("groups") or {}
    if not isinstance(groups, dict) or (odd := [name for name, own in groups.items() if not isinstance(own, dict)]):
        raise InputError(f"{path}: {f'group {odd[0]} is' if isinstance(groups, dict) else 'groups are'} no options. "
                         "Write groups: {half: {asr_args: batch_seconds=8}}, say.")
    if nested := [name for name, own in groups.items() if "use" in own]:
        raise InputError(f"{path}: group {nested[0]} uses groups itself. Name them in the arms, in their order.")
    return groups


def with_groups(path: Path, where: str, own: dict | None, groups: dict[str, dict]) -> dict | None:
    """Options of the groups that ``own`` uses, then its own ones."""
    if not isinstance(own, dict) or "use" not in own:
        return own
    names = own["use"]
    if not isinstance(names, list):
        raise InputError(f"{path}: {where}: use is {names!r}, not a list of groups. Write use: [{names}].")
    if odd := [name for name in names if name not in groups]:
        raise InputError(f"{path}: {where} uses {odd[0]!r}, which is no group. Groups: {', '.join(map(str, groups))}.")
    return joined(*(groups[name] for name in names), {key: value for key, value in own.items() if key != "use"})
