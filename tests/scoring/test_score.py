"""The commands score and results: from two text files to trn files, result.txt and RESULTS.md."""

import os
import re
import shutil
import subprocess

import pytest

from espnet_bljust.bin import results, score
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.counts import Counts
from espnet_bljust.scoring.results import markdown
from espnet_bljust.scoring.sclite_result import read_counts
from espnet_bljust.scoring.trn import units

REFERENCE = "a-1 the cat sat\na-2 on\nb-1 THE MAT\n"
HYPOTHESIS = "a-1 the bat sat down\na-2\nb-1 the mat\n"
SCLITE = shutil.which("sclite", path=os.environ.get("PATH", "") + ":/usr/lib/sctk/bin")


def run_score(folder, reference=REFERENCE, hypothesis=HYPOTHESIS, *options):
    """Score in folder/exp/decode_greedy/test; returns that folder."""
    data, out_dir = folder / "dump", folder / "exp" / "decode_greedy" / "test"
    data.mkdir(exist_ok=True)
    out_dir.mkdir(parents=True, exist_ok=True)
    (data / "text").write_text(reference, encoding="utf-8")
    (data / "utt2spk").write_text("a-1 a\na-2 a\nb-1 b\n", encoding="utf-8")
    (out_dir / "text").write_text(hypothesis, encoding="utf-8")
    tokens = ["<blank>", "<unk>", "<space>", *"abcdefghijklmnopqrstuvwxyz", "<sos/eos>"]
    (folder / "tokens.txt").write_text("".join(f"{token}\n" for token in tokens))
    arguments = ["--ref", data / "text", "--hyp", out_dir / "text", "--out_dir", out_dir]
    arguments += ["--token_list", folder / "tokens.txt", "--token_type", "char", *options]
    score.main(score.get_parser().parse_args(list(map(str, arguments))))
    return out_dir


def run_results(folder, sets="test", *options):
    arguments = ["--exp_dir", str(folder / "exp"), "--decode_names", "greedy", "--sets", sets, *options]
    results.main(results.get_parser().parse_args(arguments))
    return (folder / "exp" / "RESULTS.md").read_text(encoding="utf-8")


def test_words_characters_and_tokens_are_counted_by_hand(tmp_path, capsys):
    out_dir = run_score(tmp_path)
    # cat -> bat, "down" inserted, "on" lost; case does not count
    words = Counts(sentences=3, correct=4, substituted=1, deleted=1, inserted=1, wrong_sentences=2)
    # c -> b, "<space>down" inserted, "on" lost; 11 + 2 + 7 characters
    characters = Counts(sentences=3, correct=17, substituted=1, deleted=2, inserted=5, wrong_sentences=2)
    assert read_counts(out_dir / "score_wer" / "result.txt") == words
    assert read_counts(out_dir / "score_cer" / "result.txt") == characters
    assert read_counts(out_dir / "score_ter" / "result.txt") == characters
    assert capsys.readouterr().out == (
        f"{out_dir}: WER 50.0 % (3 of 6), CER 40.0 % (8 of 20), TER 40.0 % (8 of 20), 3 utterances\n"
    )


def test_trn_files_are_those_of_espnet(tmp_path):
    out_dir = run_score(tmp_path)
    assert (out_dir / "score_wer" / "ref.trn").read_text() == "the cat sat\t(a-a-1)\non\t(a-a-2)\nTHE MAT\t(b-b-1)\n"
    assert (out_dir / "score_cer" / "hyp.trn").read_text().splitlines()[1:] == [
        "\t(a-a-2)", "t h e <space> m a t\t(b-b-1)"
    ]  # fmt: skip


@pytest.mark.skipif(SCLITE is None, reason="sclite is not installed (Debian: apt install sctk)")
@pytest.mark.parametrize("kind", ["wer", "cer", "ter"])
def test_result_txt_tells_what_sclite_tells(tmp_path, kind):
    folder = run_score(tmp_path) / f"score_{kind}"
    command = [SCLITE, "-r", "ref.trn", "trn", "-h", "hyp.trn", "trn", "-i", "rm", "-o", "all", "stdout"]
    output = subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True).stdout
    ours = (folder / "result.txt").read_text()

    def facts(text):
        """Alignments and the rows of numbers, without the width of the boxes."""
        rows = re.findall(r"^ *\| *((?:a|b|Sum|Sum/Avg) *\|.*)$", text, re.MULTILINE)
        return [row.replace("|", " ").split() for row in rows], re.findall(r"(?m)^(?:Scores|REF|HYP|Eval).*$", text)

    assert facts(ours) == facts(output)
    (folder / "sclite.txt").write_text(output)
    assert read_counts(folder / "sclite.txt") == read_counts(folder / "result.txt")


def test_a_missing_hypothesis_is_named(tmp_path):
    with pytest.raises(InputError, match=r"text: 1 utterances have no hypothesis.*stage 12 \(a-2\)"):
        run_score(tmp_path, hypothesis="a-1 the cat sat\nb-1 the mat\n")


def test_a_hypothesis_without_reference_is_named(tmp_path):
    with pytest.raises(InputError, match=r"text: 1 utterances have no reference.*\(z-1\)"):
        run_score(tmp_path, hypothesis=HYPOTHESIS + "z-1 who\n")


def test_an_empty_reference_is_named_with_its_line(tmp_path):
    with pytest.raises(InputError, match=r"text:2: a-2 has nothing after it"):
        run_score(tmp_path, reference="a-1 the cat sat\na-2\nb-1 the mat\n")


def test_references_without_any_speech_give_an_error_and_no_rate(tmp_path):
    (tmp_path / "nlsyms.txt").write_text("<noise>\n")
    with pytest.raises(InputError, match="hold no word"):
        run_score(tmp_path, "a-1 <noise>\n", "a-1 the\n", "--nlsyms_txt", tmp_path / "nlsyms.txt")


def test_symbols_that_are_no_speech_do_not_count(tmp_path):
    (tmp_path / "nlsyms.txt").write_text("<noise>\n")
    options = ["--nlsyms_txt", tmp_path / "nlsyms.txt"]
    out_dir = run_score(tmp_path, "a-1 a <noise> b\n", "a-1 <noise> a c\n", *options)
    assert read_counts(out_dir / "score_wer" / "result.txt").errors == 1
    assert read_counts(out_dir / "score_cer" / "result.txt").words == 3


def test_an_empty_text_has_no_unit_in_any_splitting():
    assert units("  ", lambda text: text.split(" ")) == []


def test_results_md_has_espnets_form(tmp_path, capsys):
    run_score(tmp_path)
    text = run_results(tmp_path)
    heads = ["# RESULTS", "## Environments", "## exp", "### WER", "### CER", "### TER", "### Measured with"]
    assert [line for line in text.splitlines() if line.startswith("#")] == heads
    assert re.search(r"^- date: `.+`\n- python version: `3\..+`\n- espnet version: `.+`$", text, re.MULTILINE)
    assert re.search(r"^- Git hash: `.*`\n  - Commit date: `.*`$", text, re.MULTILINE)
    assert "|dataset|Snt|Wrd|Corr|Sub|Del|Ins|Err|S.Err|\n|---|---|---|---|---|---|---|---|---|\n" in text
    assert "|decode_greedy/test|3|6|66.7|16.7|16.7|16.7|50.0|66.7|\n" in text
    assert "|decode_greedy/test|3|20|85.0|5.0|10.0|25.0|40.0|66.7|\n" in text
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2].split() == ["decode_greedy/test", "3", "6", "50.0", "40.0", "40.0", "66.7"]
    assert printed[-1].endswith("RESULTS.md: 1 scored set")


def test_results_name_the_set_that_is_not_scored(tmp_path):
    run_score(tmp_path)
    with pytest.raises(InputError, match=r"decode_greedy/dev/score_wer/result\.txt: not scored yet"):
        run_results(tmp_path, "test dev")


def test_results_keep_the_scores_of_other_decodings(tmp_path):
    out_dir = run_score(tmp_path)
    shutil.copytree(out_dir, tmp_path / "exp" / "decode_beam" / "test")
    assert run_results(tmp_path).count("|decode_beam/test|") == 4  # three rates, and what they are of


def test_a_speaker_called_sum_is_not_taken_for_the_sum(tmp_path):
    result = tmp_path / "result.txt"
    rows = ["| Sum | 1 2 | 50.0 50.0 0.0 0.0 50.0 100.0 |", "| Sum | 1 2 | 1 1 0 0 1 1 |"]
    rows.append("| Sum | 2 4 | 3 1 0 0 1 1 |")
    result.write_text("\n".join(rows) + "\n")
    assert read_counts(result) == Counts(2, 3, 1, 0, 0, 1)


def test_folded_phones_give_the_one_rate_of_phones(tmp_path, capsys):
    fold = tmp_path / "fold.txt"
    fold.write_text("cl sil\nvcl sil\nao aa\n")
    options = ["--token_type", "phn", "--fold_tokens", fold]
    reference, hypothesis = "a-1 sil b ao vcl\na-2 cl t\nb-1 aa\n", "a-1 cl b aa sil\na-2 cl d\nb-1 aa b\n"
    out_dir = run_score(tmp_path, reference, hypothesis, *options)
    # 48 phones: sil/cl, ao/aa, vcl/sil, t/d and one b too many; 39 phones: t/d and the b
    assert read_counts(out_dir / "score_wer" / "result.txt") == Counts(3, 3, 4, 0, 1, 3)
    assert read_counts(out_dir / "score_ter" / "result.txt") == Counts(3, 6, 1, 0, 1, 2)
    assert capsys.readouterr().out == f"{out_dir}: PER 28.6 % (2 of 7), 3 utterances\n"
    text = run_results(tmp_path, "test", "--token_type", "phn")
    assert [line for line in text.splitlines() if line.startswith("###")] == ["### PER", "### Measured with"]
    assert "|decode_greedy/test|3|7|85.7|14.3|0.0|14.3|28.6|66.7|\n" in text
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[0] == ["dataset", "utterances", "phones", "PER", "%", "S.Err", "%"]
    assert printed[1] == ["decode_greedy/test", "3", "7", "28.6", "66.7"]


@pytest.mark.parametrize(("lines", "answer"), [
    ("a b\nc\n", r"fold\.txt:2: 'c' is not 'token counted_as'"),
    ("a b\na c\n", r"fold\.txt:2: 'a c' is not"),
    ("a b\nb c\n", "b is counted as another token, others count as it"),
])
def test_a_table_of_folded_tokens_that_cannot_be_meant_is_named(tmp_path, lines, answer):
    (tmp_path / "fold.txt").write_text(lines)
    with pytest.raises(InputError, match=answer):
        run_score(tmp_path, REFERENCE, HYPOTHESIS, "--fold_tokens", tmp_path / "fold.txt")


def test_tone_marks_can_be_folded_for_a_second_rate_of_characters(tmp_path, capsys):
    # Mboshi: é lost its tone, ώ is another letter; ɛ́ has no letter of its own in Unicode, and here a mark too many
    reference, hypothesis = "a-1 édí bώ\na-2 ε\nb-1 ɛ\u0301s\n", "a-1 edí bó\na-2 έ\nb-1 ɛ\u0301\u0302s\n"
    out_dir = run_score(tmp_path, reference, hypothesis, "--fold_marks", "true")
    assert read_counts(out_dir / "score_cer" / "result.txt") == Counts(3, 7, 3, 0, 1, 3)
    assert read_counts(out_dir / "score_cer_unmarked" / "result.txt") == Counts(3, 8, 1, 0, 0, 1)
    assert "CER 40.0 % (4 of 10), TER 40.0 % (4 of 10), CER without marks 11.1 % (1 of 9)" in capsys.readouterr().out
    shutil.copytree(out_dir, tmp_path / "exp/decode_beam/test")
    shutil.rmtree(tmp_path / "exp/decode_beam/test/score_cer_unmarked")
    text = run_results(tmp_path)
    assert text.split("### CER without marks\n")[1].split("###")[0].count("|decode_") == 1
    assert "|decode_greedy/test|3|9|88.9|11.1|0.0|0.0|11.1|33.3|\n" in text
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[0][-6:] == ["CER", "without", "marks", "%", "S.Err", "%"]
    assert [line[-2:] for line in printed[1:3]] == [["11.1", "100.0"], ["-", "100.0"]]


def test_a_rate_without_marks_goes_with_the_decoding_that_it_was_made_of(tmp_path):
    out_dir = run_score(tmp_path, REFERENCE, HYPOTHESIS, "--fold_marks", "true")
    assert "### CER without marks" in run_results(tmp_path)
    run_score(tmp_path)
    assert not (out_dir / "score_cer_unmarked").exists()
    assert "marks" not in run_results(tmp_path)


def test_results_say_which_letters_count_as_one():
    """As sclite does it, test_sclite.py: of `Ä` and `ä` one is wrong, of `A` and `a` none."""
    assert "\n## exp/x\nA to Z are scored as a to z, as by sclite; all other" in markdown("exp/x", {}, {}, {})
