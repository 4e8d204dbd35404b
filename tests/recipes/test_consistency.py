"""Every recipe of egs2 has its parts and names no option, key or file that does not exist; new ones are found."""

import ast
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from espnet_bljust.bilevel.plan_options import build_plan
from espnet_bljust.bin import compare
from espnet_bljust.comparison import groups
from espnet_bljust.comparison.tasks import joined
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError
from espnet_bljust.planning import settings
from espnet_bljust.planning.data_settings import of_tokens
from espnet_bljust.planning.plan_report import Sizes
from espnet_bljust.shell import options
from espnet_bljust.training.configuration import TrainingSettings

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path.name for path in (ROOT / "egs2").iterdir() if (path / "bljust").is_dir())
PIPELINE, COMPARISON = (options.read_script(ROOT / f"local/{name}.sh")[0] for name in ("bljust", "compare"))
PARTS = ("run.sh", "README.md", "path.sh", "cmd.sh", "db.sh", "local/data.py", "conf/train_bljust.yaml")
WORDS = {  # what a README says, and how to find it
    "amounts of speech in hours or minutes": r"\bhours?\b|\bminutes?\b|\d (?:h|min)\b",
    "a licence": r"licen[cs]e",
    "the command": r"\./run\.sh",
    "disk space": r"\bdisk\b",
    "how long it takes": r"\b(?:time|seconds?|minutes?|days?)\b",
}
MOST_LINES = 15  # of a run script, beside its one call
LOGIC = re.compile(  # a single | is a pipe, unless it stands between the patterns of a case
    r"\b(?:while|until|function|eval|awk|sed|grep|python\w*)\b|\(\)\s*\{|\$\(\(|[^|]\|\s(?![^()]*\)\s)|`")
NAMED = re.compile(r"(?<![\w-])--([a-zA-Z]\w*)")


def folder(recipe):
    return ROOT / "egs2" / recipe / "bljust"


def shown(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_its_parts(name):
    missing = [part for part in PARTS if not (folder(name) / part).is_file()]
    assert not missing, f"egs2/{name}/bljust lacks {', '.join(missing)}. egs2/an4/bljust has all of them: begin there."
    assert os.access(folder(name) / "run.sh", os.X_OK), f"egs2/{name}/bljust/run.sh: chmod +x it."


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_a_data_test(name):
    tests = [path.read_text() for path in (ROOT / "tests/recipes_data").glob("test_*.py")]
    assert any(f"egs2/{name}/bljust" in text for text in tests), (
        f"no file in tests/recipes_data names egs2/{name}/bljust. Add test_{name.lower()}.py, which runs its "
        "local/data.py on a small tree; test_an4.py shows how.")


@pytest.mark.parametrize("name", RECIPES)
def test_a_readme_says_how_much_under_which_licence_by_which_command_and_at_what_cost(name):
    path = folder(name) / "README.md"
    silent = [what for what, words in WORDS.items() if not re.search(words, path.read_text(), re.IGNORECASE)]
    assert not silent, f"{shown(path)} does not say {', '.join(silent)}. Add it; egs2/an4/bljust/README.md shows how."


@pytest.mark.parametrize("path", sorted((ROOT / "egs2").glob("*/bljust/run*.sh")), ids=shown)
def test_a_run_script_is_one_call_with_options_that_exist_and_no_logic(path):
    code = [line for line in path.read_text().replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    *others, call = code
    logic = [line for line in others if LOGIC.search(line)]
    assert not logic and len(others) <= MOST_LINES, (
        f"{shown(path)}: {logic[0] if logic else f'{len(others)} lines'!r} beside the one call. What it does belongs "
        "in local/data.py, or in local/ for all recipes.")
    words = shlex.split(call)
    assert words[0] == "../../../local/bljust.sh" and words[-1] in ("$@", "${others[@]}"), (
        f'{shown(path)}: its last line must be one call of ../../../local/bljust.sh that ends in "$@".')
    values = parse(words[1:-1], shown(path), PIPELINE)
    needed = [option.name for option in PIPELINE.values() if "(required)" in option.comment]
    assert not (missing := [name for name in needed if not values.get(name)]), f"{shown(path)}: add --{missing[0]}."
    for name in ("asr_config", "inference_config", "nlsyms_txt", "fold_tokens"):
        if values.get(name, "none") != "none":
            present(path.parent / values[name], f"{shown(path)}: --{name}")
    check_data_options(path.parents[1].name, values.get("local_data_opts", ""), shown(path))


def present(path, where):
    assert path.is_file() or (ROOT / "conf" / path.name).is_file(), (
        f"{where}: there is no {shown(path)}. Write it, or correct the name.")


def parse(words, where, known):
    """The values of options that must exist and take them; one with a variable of the shell in it is not looked at."""
    try:
        values, _ = options.parse({name: known[name]._replace(default="", comment="") if fluid else known[name]
                                   for name, fluid in with_variables(words, known).items()}, words)
    except options.UsageError as error:
        pytest.fail(f"{where}: {error} The options stand in local/bljust.sh, and in local/compare.sh.")
    return values


def with_variables(words, known):
    """Every known option, and whether its value comes from a variable."""
    fluid = {name.removeprefix("--") for name, value in zip(words, words[1:], strict=False) if "$" in value}
    return {name: name in fluid for name in known}


def data_options(recipe):
    """Patterns of the options of local/data.py and of what lies beside it, without their dashes."""
    patterns = set()
    for path in (folder(recipe) / "local").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument" and node.args:
                patterns.add(pattern_of(node.args[0]))
    return patterns


def pattern_of(node):
    """A string, or an f-string with anything in its gaps, as a regular expression."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in parts)
    return text.replace(r"\-\-", "", 1)


def check_data_options(recipe, text, where):
    unknown = [name for name in NAMED.findall(text) if not any(re.fullmatch(p, name) for p in data_options(recipe))]
    assert not unknown, f"{where}: egs2/{recipe}/bljust/local/data.py has no option --{unknown[0]}. Correct the name."


def own_options(recipe):
    """Options that run.sh takes itself, by local/own_options.sh."""
    found = re.search(r'own_options\.sh "([^"]*)"', (folder(recipe) / "run.sh").read_text())
    return set(found[1].split()) if found else set()


def command_options():
    """Options of the package's commands, which a README may name for inference_args and the like."""
    text = "".join(path.read_text() for path in (ROOT / "espnet_bljust/bin").glob("*.py"))
    return {*re.findall(r"""add_argument\(\s*"--([a-z]\w*)""", text), *SearchSettings.__dataclass_fields__}


@pytest.mark.parametrize("name", RECIPES)
def test_readme_and_comments_name_options_that_exist(name):
    known = {*PIPELINE, *COMPARISON, *command_options(), *own_options(name), "help", "debug"}
    patterns, wrong = data_options(name), []
    shell = [*folder(name).glob("run*.sh"), folder(name) / "db.sh"]
    for path in (folder(name) / "README.md", *configurations(name), *shell):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            text = line if path.suffix == ".md" else line.partition("#")[2]  # of the others the comments
            wrong += [f"{shown(path)}:{number}: --{word}" for word in NAMED.findall(text)
                      if word not in known and not any(re.fullmatch(pattern, word) for pattern in patterns)]
    assert not wrong, (f"{', '.join(wrong)}: no option of local/bljust.sh, local/compare.sh, the package's commands or "
                       "this recipe's local/data.py. ./run.sh --help lists the first; correct the name.")


def command_lines(path):
    """Every call of ./run.sh in a README, in a block or between backquotes: its line, script and words."""
    text = path.read_text()
    for call in re.finditer(r"(?:`|^ {4,})(?:\w+=\S+ )*\./(run\w*\.sh)((?:\\\n|[^`\n])*)", text, re.MULTILINE):
        words = shlex.split(re.sub(r"\\\n", " ", call[2]), comments=True)
        yield text.count("\n", 0, call.start()) + 1, call[1], [word for word in words if word != "..."]


@pytest.mark.parametrize("name", RECIPES)
def test_commands_of_a_readme_parse_and_their_configurations_stand_up(name):
    path = folder(name) / "README.md"
    own = {option: options.Option(option, "", "", "") for option in own_options(name)}
    for number, script, words in command_lines(path):
        where = f"{shown(path)}:{number}"
        present(folder(name) / script, where)
        compared = COMPARISON if "compare.sh" in (folder(name) / script).read_text() else {}
        values = parse(words, where, {**compared, **PIPELINE, **own})
        check_data_options(name, values.get("local_data_opts", ""), where)
        check_training(name, values, where)


def check_training(recipe, values, where):
    """A training configuration by what stage 7 makes of it: keys, plan, masks, and the network without its storage.

    ``values``: options of run.sh in the place of the recipe's own.
    """
    given = {**recipe_options(recipe), **values}
    if not Path(given.get("asr_config", "")).is_relative_to("conf"):
        return  # the reader's own
    config = folder(recipe) / given.get("asr_config", PIPELINE["asr_config"].default)
    present(config, where)
    size = f"conf/size/{given.get('model_size', PIPELINE['model_size'].default)}.yaml"
    size_config = next((base / size for base in (folder(recipe), ROOT) if (base / size).is_file()), None)
    assert size_config, f"{where}: --model_size: there is no {size}, neither here nor in the recipe. Correct the name."
    tokens = of_tokens(Path("absent"), given.get("token_type", PIPELINE["token_type"].default), "", may_be_absent=True)
    try:
        merged = tokens | settings.merge(size_config, config, changes=given.get("asr_args", "").split(),
                                         method=given.get("method", "bljust"), task=given.get("task", "recognition"))
        whole = TrainingSettings(merged)
        build_plan(whole.plan)
        assert whole.masking
        Sizes.of(whole.network.shape)
    except InputError as error:
        pytest.fail(f"{where}: {error}")


def recipe_options(recipe):
    """What run.sh gives to the pipeline."""
    call = (folder(recipe) / "run.sh").read_text().replace("\\\n", " ").splitlines()[-1]
    return parse(shlex.split(call)[1:-1], recipe, PIPELINE)


def configurations(recipe):
    return sorted((folder(recipe) / "conf").rglob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_configurations_hold_keys_that_are_read(name):
    for path in configurations(name):
        content = yaml.safe_load(path.read_text())
        where = shown(path)
        if "plan_conf" in content:
            check_training(name, {"asr_config": str(path.relative_to(folder(name)))}, where)
        elif "seeds" in content:
            check_comparison(name, path, groups.resolve(path, content))
        elif "search" in content:
            unknown = sorted(set(content) - set(SearchSettings.__dataclass_fields__))
            assert not unknown, f"{where}: decoding does not read {unknown[0]}. Correct the name."
        else:
            assert path.parent.name == "size" or path.stem == "shared", (  # the latter is of descriptions beside it
                f"{where}: no training, comparison, decoding or size. Who reads it?")


def check_comparison(recipe, path, content):
    """The description itself, then the options of each arm with those of all arms."""
    if "pretraining" not in content:  # whose arms the call makes
        try:
            compare.main(compare.get_parser().parse_args(["--config", str(path), "--action", "check"]))
        except InputError as error:
            pytest.fail(str(error))
    tasks = [task.get("options") or {} for task in (content.get("tasks") or {}).values()] or [{}]
    for arm, own in {"pretraining": content.get("pretraining"), **(content.get("arms") or {})}.items():
        for task in tasks:
            common = {} if arm == "pretraining" else content.get("options") or {}  # those are of the fine-tunings
            given = {key: str(value).lower() if isinstance(value, bool) else str(value)
                     for key, value in joined(common, task, own).items()}
            where = f"{shown(path)}: {arm}"
            values = parse([word for key, value in given.items() for word in (f"--{key}", value)], where, PIPELINE)
            check_data_options(recipe, values.get("local_data_opts", ""), where)
            check_training(recipe, values, where)


@pytest.mark.parametrize(("file", "old", "new", "check", "answer"), [
    ("db.sh", None, None, test_a_recipe_has_its_parts, "lacks db.sh"),
    ("README.md", "Disk", "Room", test_a_readme_says_how_much_under_which_licence_by_which_command_and_at_what_cost,
     "does not say disk space"),
    ("README.md", "--an4_url", "--an4_link", test_readme_and_comments_name_options_that_exist, "--an4_link"),
    ("README.md", "--unlabelled_sets unl", "--unlabeled_sets unl",
     test_commands_of_a_readme_parse_and_their_configurations_stand_up, "nearest is --unlabelled_sets"),
    ("README.md", '"--an4_dir /path', '"--an4_folder /path',
     test_commands_of_a_readme_parse_and_their_configurations_stand_up, "data.py has no option --an4_folder"),
    ("run.sh", "--token_type char", "--token_type chars", None, "--token_type chars: expected one of"),
    ("run.sh", "--valid_set dev", "", None, "add --valid_set"),
    ("run.sh", "set -euo", "cat x | grep y\nset -euo", None, "beside the one call"),
    ("run.sh", "train_bljust.yaml", "train.yaml", None, "there is no egs2/an4/bljust/conf/train.yaml"),
    ("conf/train_bljust.yaml", "grad_clip", "clip_grad", test_configurations_hold_keys_that_are_read, "clip_grad"),
    ("conf/train_bljust.yaml", "gamma_max", "gamma_top", test_configurations_hold_keys_that_are_read, "gamma_top"),
])
def test_a_recipe_that_is_broken_is_told_what_to_mend(file, old, new, check, answer, tmp_path, monkeypatch):
    made = shutil.ignore_patterns("data", "dump", "exp", "downloads")
    shutil.copytree(ROOT / "egs2/an4/bljust", tmp_path / "egs2/an4/bljust", ignore=made)
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    (tmp_path / "espnet_bljust").symlink_to(ROOT / "espnet_bljust")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = folder("an4") / file
    assert old is None or old in path.read_text()
    path.unlink() if old is None else path.write_text(path.read_text().replace(old, new))
    with pytest.raises((AssertionError, pytest.fail.Exception), match=answer):
        check("an4") if check else test_a_run_script_is_one_call_with_options_that_exist_and_no_logic(path)


@pytest.mark.parametrize("name", RECIPES)
def test_preparation_and_scoring_say_without_a_corpus_what_they_would_do(name, copy_recipe):
    recipe = copy_recipe(name)
    output = recipe.run("--dry_run", "true", "--ngpu", "0", "--skip_train", "true")
    assert "stage 1 data: corpus -> data/<set>" in output and "stage 13 score" in output
    assert not recipe.files()


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_stage_says_without_a_corpus_what_it_would_do(name, copy_recipe):
    recipe = copy_recipe(name)
    output = recipe.run("--dry_run", "true", "--ngpu", "0")
    assert "Time of stages 8 to 10, roughly" in output
    assert not recipe.files()
