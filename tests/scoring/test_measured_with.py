"""A rate is told with the weights and the reference that it was measured with, and of nothing else."""

import shutil

import pytest

from espnet_bljust.decoding.parts import TABLES, merge
from espnet_bljust.errors import InputError
from espnet_bljust.publishing.card_results import Measured
from espnet_bljust.publishing.pack_files import results_of
from espnet_bljust.scoring.measured_with import WEIGHTS, Digested, note_weights
from espnet_bljust.scoring.results import write_results
from tests.scoring.test_score import HYPOTHESIS, run_results, run_score

OTHER = HYPOTHESIS.replace("bat", "cat")
NONE = "0" * 64  # no file has it


@pytest.fixture
def exp_dir(tmp_path):
    """Two files of weights, each decoded and scored: 3 of 6 words wrong with average.pth, 2 with 2epoch.pth."""
    exp_dir = tmp_path / "exp"
    exp_dir.mkdir()
    for name, hypothesis in (("2epoch", OTHER), ("average", HYPOTHESIS)):
        (exp_dir / f"{name}.pth").write_bytes(name.encode())
        decoded = exp_dir / "decode_greedy/test"
        decoded.mkdir(parents=True)
        note_weights(decoded, Digested.of(exp_dir / f"{name}.pth", f"{name}.pth"))
        run_score(tmp_path, hypothesis=hypothesis)
        if name == "2epoch":
            shutil.move(exp_dir / "decode_greedy", exp_dir / "decode_greedy_2epoch")
    return exp_dir


def digest(path):
    return Digested.of(path).sha256


def test_a_digest_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_results_say_which_weights_and_reference_each_row_is_of(exp_dir):
    text = run_results(exp_dir.parent)
    reference = digest(exp_dir.parent / "dump/text")[:12]
    for folder, name in (("decode_greedy", "average.pth"), ("decode_greedy_2epoch", "2epoch.pth")):
        assert f"|{folder}/test|{name}|{digest(exp_dir / name)[:12]}|{reference}|\n" in text
    assert str(exp_dir.parent) not in text


def test_card_and_pack_of_one_file_of_weights_have_no_rate_of_another(exp_dir):
    run_results(exp_dir.parent)
    for folder, name, wrong in (("decode_greedy", "average.pth", 3), ("decode_greedy_2epoch", "2epoch.pth", 2)):
        measured = Measured.read(exp_dir, "char", digest(exp_dir / name))
        assert {dataset: counts["wer"].errors for dataset, counts in measured.counts.items()} == {
            f"{folder}/test": wrong}
        rows = [line for line in results_of(exp_dir, digest(exp_dir / name))["RESULTS.md"].splitlines()
                if line.startswith("|decode_")]
        assert len(rows) == 4 and all(row.startswith(f"|{folder}/test|") for row in rows)
    assert Measured.read(exp_dir, "char", NONE).counts == {} and results_of(exp_dir, NONE) == {}


def test_rates_of_weights_that_were_replaced_under_their_name_are_left_out_and_named(exp_dir, capsys):
    (exp_dir / "2epoch.pth").write_bytes(b"trained on")
    text = run_results(exp_dir.parent)
    assert "|decode_greedy_2epoch/test|" not in text and "|decode_greedy/test|" in text
    assert "Left out: decode_greedy_2epoch/test, the weights (2epoch.pth) changed since." in text
    assert "decode_greedy_2epoch/test: left out" in capsys.readouterr().out
    (exp_dir / "average.pth").write_bytes(b"trained on")
    with pytest.raises(InputError, match=r"decode_greedy/test: .* the weights \(average\.pth\) changed since"):
        run_results(exp_dir.parent)


def test_rates_of_another_reference_or_of_other_hypotheses_are_left_out(exp_dir):
    for changed, kind in ((exp_dir.parent / "dump/text", "reference"), (exp_dir / "decode_greedy/test/text", "hypo")):
        before = changed.read_text()
        changed.write_text(before + "b-9 more\n")
        with pytest.raises(InputError, match=f"the {kind}.* changed since"):
            write_results(exp_dir, ["decode_greedy/test"], "char")
        assert Measured.read(exp_dir, "char", digest(exp_dir / "average.pth")).counts == {}
        changed.write_text(before)
    assert write_results(exp_dir, ["decode_greedy/test"], "char")[0] == 2


def test_rates_of_weights_that_are_gone_stay(exp_dir):
    (exp_dir / "2epoch.pth").unlink()
    assert "|decode_greedy_2epoch/test|2epoch.pth|" in run_results(exp_dir.parent)


def test_parts_that_were_decoded_with_different_weights_are_not_put_together(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/wav.scp").write_text("a x.wav\nb y.wav\n")
    for job, name in enumerate("ab", 1):
        folder = tmp_path / f"out/part.{job}"
        folder.mkdir(parents=True)
        for table in TABLES:
            (folder / table).write_text(f"{name} 1\n")
        note_weights(folder, Digested("average.pth", name))
    with pytest.raises(InputError, match="its parts were decoded with different weights"):
        merge(tmp_path / "set", tmp_path / "out", 2)
    note_weights(tmp_path / "out/part.2", Digested("average.pth", "a"))
    assert merge(tmp_path / "set", tmp_path / "out", 2) == 2
    assert '"sha256": "a"' in (tmp_path / "out" / WEIGHTS).read_text()
