"""A repository of the Hugging Face hub: which files it gets, whether it may, and the sending."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.utils import HFValidationError, validate_repo_id

from espnet_bljust.disk.settings_file import parse_yaml
from espnet_bljust.errors import InputError

REFUSALS = {  # status of the hub's answer -> what it means, what helps
    400: ("the hub refuses the files", "Correct what it names, run stage 14 again, then stage 15"),
    401: ("the hub refuses this machine's token", "Log in anew with `hf auth login`, or correct HF_TOKEN"),
    403: ("the token may not write there", "Make a token with the right to write at huggingface.co/settings/tokens, or "
          "name a repository of your own"),
    404: ("the hub knows no such user or repository", "Correct --hf_repo"),
}


class Entry(NamedTuple):
    """One file of the published repository."""

    path: Path
    name: str  # in the repository
    size: int  # bytes


def publish(exp_dir: Path, repository: str, *, dry_run: bool = True) -> str:
    """Check name, licence and files, then send these as one commit; in a dry run each is told instead."""
    entries = published_files(exp_dir)
    check_name(repository)
    check_licence(exp_dir / "pack" / "README.md")
    size = f"{len(entries)} files, {sum(entry.size for entry in entries) / 1e6:.1f} MB"
    if dry_run:
        listed = [f"would upload {entry.path} ({entry.size} bytes) to {repository}/{entry.name}" for entry in entries]
        return "\n".join([*listed, f"would upload {size}; --hf_dry_run false does"])
    send(entries, repository)
    return f"{repository}: {size} published"


def published_files(exp_dir: Path) -> list[Entry]:
    """Of the pack and of its Hugging Face form, by their names in the repository."""
    if not (exp_dir / "pack" / "meta.yaml").is_file():
        raise InputError(f"{exp_dir / 'pack'}: no pack. Run stage 14 first: --stage 14 --skip_packing false.")
    found = {}
    for folder in (exp_dir / "pack", exp_dir / "huggingface"):
        for path in folder.rglob("*"):
            if path.is_symlink():
                raise InputError(f"{path}: a link, and what it leads to is no part of the pack. Run stage 14 again.")
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    return [Entry(path, name, path.stat().st_size) for name, path in sorted(found.items())]


def check_name(repository: str) -> None:
    """By the hub's own rules, and with its user: without, it would be of whoever is logged in."""
    try:
        validate_repo_id(repository)
        accepted = "/" in repository
    except HFValidationError:
        accepted = False
    if not accepted:
        raise InputError(f"--hf_repo {without_token(repr(repository))}: not of the form user/name. Name a repository "
                         "so, in at most 96 letters a-z, digits and . - _ within.")


def check_licence(readme: Path) -> None:
    """A model without a licence may not be used by anybody, so none is published."""
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if not front or not (parse_yaml(front[1], readme) or {}).get("license"):
        raise InputError(f"{readme}: names no licence. Choose one that the training data allow, and pack again: "
                         "--stage 14 --skip_packing false --hf_license cc-by-4.0, say.")


def send(entries: list[Entry], repository: str) -> None:
    """Make the repository where there is none, then one commit of all files."""
    token = get_token() or ""
    if not re.fullmatch(r"[!-~]+", token):
        problem = "the token of this machine is not one word of ASCII" if token else "no token"
        raise InputError(f"--hf_repo {repository}: {problem}. Log in with `hf auth login`, or set HF_TOKEN.")
    api, operations = HfApi(), [CommitOperationAdd(entry.name, entry.path) for entry in entries]
    _asked(repository, lambda: api.create_repo(repository, exist_ok=True))
    _asked(repository, lambda: api.create_commit(repository, operations, commit_message="Model of espnet-bljust"))


def _asked[Answer](repository: str, call: Callable[[], Answer]) -> Answer:
    """What the hub answers; its refusal, or the network's, becomes one line without the token."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except Exception as error:  # of huggingface_hub, its HTTP library and its storage: they share no base class
        raise refusal(repository, error) from None


def refusal(repository: str, error: Exception) -> InputError:
    """The line for an error."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = without_token(" ".join(str(error).split()))[:200]
    if status in REFUSALS:
        what, remedy = REFUSALS[status]
        return InputError(f"{repository}: {what} ({said}). {remedy}.")
    what = f"the hub answers with status {status}" if status else f"the upload broke off, {type(error).__name__}"
    return InputError(f"{repository}: {what} ({said}). Run stage 15 again: what has arrived is not sent again.")


def without_token(text: str) -> str:
    """``text`` without this machine's token and all that has the form of one."""
    token = get_token()
    return re.sub(r"hf_\w{8,}", "hf_...", text.replace(token, "hf_...") if token else text)
