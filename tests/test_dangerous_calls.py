"""What could run a stranger's data stands in the one place that guards it: read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "espnet_bljust").rglob("*.py")), *sorted((ROOT / "egs2").rglob("local/*.py")),
         *sorted((ROOT / "local").rglob("*.py"))]  # fmt: skip
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
MODULES = {"pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle", "ftplib", "telnetlib", "xmlrpc"}
CALLS = {  # the end of a call's name -> where it may stand
    "yaml.safe_load": [], "yaml.load": [], "yaml.full_load": [], "yaml.unsafe_load": [], "os.system": [],
    "os.popen": [], "eval": [], "exec": [], "shutil.unpack_archive": [], "extractall": [], "urlopen": [],
    "urlretrieve": [],
    "numpy.load": [], "np.load": [], "kaldiio.load_mat": [], "kaldiio.load_scp": [], "load_ark": [],
    "tarfile.open": ["espnet_bljust/disk/archive.py"], "matio.read_kaldi": ["espnet_bljust/data/audio/reading.py"],
}


CALLED = [(file, ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords})
          for file, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("call", CALLS)
def test_a_dangerous_call_stands_where_it_is_guarded(call):
    alone = call in ("eval", "exec")  # network.eval() is another thing
    found = {file for file, written, _ in CALLED if written == call or not alone and written.endswith("." + call)}
    assert sorted(found) == CALLS[call]


def test_weights_are_loaded_with_weights_only():
    loads = [(file, words.get("weights_only")) for file, written, words in CALLED if written == "torch.load"]
    assert len(loads) >= 2 and {only for _, only in loads} == {"True"}, loads


def test_a_shell_is_started_for_kaldi_s_pipes_alone():
    shells = {file for file, _, words in CALLED if words.get("shell", "False") != "False"}
    assert shells == {"espnet_bljust/data/audio/reading.py"}


def test_no_module_that_runs_what_it_reads_is_imported():
    names = {file: [node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
                    for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
             for file, tree in TREES.items()}  # fmt: skip
    assert [file for file, found in names.items() if MODULES & {name.split(".")[0] for name in found}] == []
