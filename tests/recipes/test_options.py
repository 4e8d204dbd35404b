"""The one parser, seen from the shell."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEFINED = dict(re.findall(r"^([a-z]\w*)=(.*?)[ \t]+# ", (ROOT / "local/bljust.sh").read_text(), re.MULTILINE))
SCRIPT = """#!/usr/bin/env bash
set -euo pipefail
## Things
name="a b"      # any words
count=3         # how many
rate=0.5        # share
quick=false     # in haste
colour=red      # of the thing (red|green|dark_blue)
. "{root}/local/parse_options.sh" "$0" "$@"
printf '%s|' "$name" "$count" "$rate" "$quick" "$colour"
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.sh"
    path.write_text(SCRIPT.format(root=ROOT))

    def run(*words):
        return subprocess.run(["bash", path, *words], capture_output=True, text=True)

    return run


def test_help_lists_every_option_with_its_default_and_nothing_else(recipe):
    shown = dict(re.findall(r"^  --(\w+) ('[^']*'|\S+)\s{1,}\S", recipe.run("--help"), re.MULTILINE))
    assert sorted(shown) == sorted(DEFINED)
    assert {name: value.strip("\"'") for name, value in shown.items()} == {
        name: value.strip("\"'") for name, value in DEFINED.items()
    }


def test_help_lists_the_fifteen_stages_and_the_values_of_the_recipe(recipe):
    text = recipe.run("--help")
    assert [int(number) for number in re.findall(r"^ +(\d+)  \w+ +\S", text, re.MULTILINE)] == list(range(1, 16))
    assert re.search(r"--token_type bpe .*\[here: char\]", text)


def test_defaults_stand_where_nothing_is_given(script):
    assert script().stdout == "a b|3|0.5|false|red|"


def test_values_arrive_unchanged_whatever_they_hold(script):
    for value in ("", "x  y", "$(touch bad)", "`id`", "it's", 'a "b"', "*", "--count", "a\nb", "\\", "ä"):
        assert script("--name", value, "--colour", "green").stdout == f"{value}|3|0.5|false|green|"


def test_dashes_are_underscores_and_a_boolean_may_stand_alone(script):
    assert script("--quick", "--colour", "dark_blue").stdout == "a b|3|0.5|true|dark_blue|"
    assert script("--count", "4", "--quick").stdout == "a b|4|0.5|true|red|"
    assert script("--quick", "false").stdout == "a b|3|0.5|false|red|"


@pytest.mark.parametrize(("words", "answer"), [
    (["--cuont", "3"], "script.sh: --cuont: no such option. The nearest is --count; --help lists all."),
    (["--zzzzzz", "3"], "script.sh: --zzzzzz: no such option. --help lists all."),
    (["--colour", "gren"], "script.sh: --colour gren: expected one of red, green, dark_blue. Did you mean green?"),
    (["--count", "3.5"], "script.sh: --count 3.5: expected a whole number, such as 3."),
    (["--count", ""], "script.sh: --count '': expected a whole number, such as 3."),
    (["--rate", "fast"], "script.sh: --rate fast: expected a number, such as 0.5."),
    (["--quick", "yes"], "script.sh: --quick yes: expected one of true, false."),
    (["--count"], "script.sh: --count: needs a value. how many"),
    (["stray"], "script.sh: stray: not an option. Options are written --name value; --help lists them."),
])
def test_what_is_wrong_stops_with_one_line(script, words, answer):
    result = script(*words)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", answer + "\n")


def test_a_required_option_is_asked_for(recipe):
    (recipe.folder / "run.sh").write_text('#!/bin/sh\ncd "$(dirname "$0")" && ../../../local/bljust.sh --train_set t\n')
    assert "--valid_set is needed: dev set" in recipe.run(code=1)


def test_every_size_file_is_a_model_size_and_nothing_else_is():
    (line,) = (line for line in (ROOT / "local/bljust.sh").read_text().splitlines() if line.startswith("model_size="))
    assert set(line.split("(")[1].rstrip(")").split("|")) == {path.stem for path in ROOT.glob("conf/size/*.yaml")}


def test_the_pipeline_reads_every_option_it_defines():
    readers = "".join((ROOT / "local" / name).read_text() for name in ("names.sh", "stages.sh", "run_stage.sh"))
    # test_sets and the like appear once in name_things: that counts
    unread = [name for name in DEFINED if not re.search(rf"\b{name}\b", readers)]
    assert unread == []


@pytest.mark.parametrize(("words", "part"), [
    (("--nj", "0"), "--nj 0: expected at least 1."),
    (("--dumpdir", ""), "--dumpdir '': expected a value, such as dump."),
    (("--expdir", ""), "--expdir '': expected a value, such as exp."),
    (("--skip_stages", "1-x"), "--skip_stages '1-x': 1-x is no stage."),
    (("--skip_stages", "6-1"), "--skip_stages '6-1': 6-1 is no stage."),
    (("--stage", "14"), "stage 14 is left out by --skip_packing true, the default. Give --skip_packing false"),
    (("--stop_stage", "6", "--skip_stages", "1-6"), "no stage is left to run: stage 1 is left out by --skip_stages"),
    (("--seed", "4294967296"), "--seed 4294967296: expected a whole number of at most 4294967295."),
    (("--labels_seed", "-3"), "--labels_seed -3: expected a whole number of at most 4294967295."),
    (("--nj", "-3"), "--nj -3: expected a whole number, such as 32."),
    (("--fs", "16kk"), "--fs 16kk: expected a rate, such as 16k or 16000."),
    (("--stage", "5", "--stop_stage", "3"), "--stage 5 is above --stop_stage 3: no stage is left to run."),
    (("--python", "no-such-python"), "--python no-such-python: no such program."),
    (("--an4_dir", "x"), 'An option of local/data.py goes into --local_data_opts "--an4_dir ..."'),
])
def test_a_value_that_can_never_work_stops_before_any_stage(recipe, words, part):
    output = recipe.run(*words, code=1)
    assert part in output and output.count("\n") == 1


def test_stages_to_leave_out_may_be_a_range(recipe):
    output = recipe.run("--dry_run", "true", "--skip_stages", "1-3,5 7-13", "--python", sys.executable)
    assert re.findall(r"^stage (\d+) ", output, re.MULTILINE) == ["4", "6"]


def test_a_value_may_stand_behind_an_equals_sign(script):
    words = ["--name=a=b", "--count=4", "--quick=true", "--colour=dark_blue"]
    assert script(*words).stdout == "a=b|4|0.5|true|dark_blue|"
    assert script("--name=", "--count", "4").stdout == "|4|0.5|false|red|"
    assert script("--count=x").stderr == "script.sh: --count x: expected a whole number, such as 3.\n"


def test_help_of_a_recipe_names_its_script_and_lists_what_that_sets_first(recipe, copy_recipe):
    lines = recipe.run("--help").splitlines()
    assert lines[0].startswith("usage: run.sh [--name value ...]")
    own = lines[lines.index("This recipe") + 1 : lines.index("Which stages") - 1]
    names = [line.split()[0].removeprefix("--") for line in own]
    assert set(names) == {"train_set", "unlabelled_sets", "valid_set", "test_sets", "token_type", "model_size", "nj"}
    assert re.search(r"^This recipe\n  --labelled ''  +audio with", copy_recipe("TEMPLATE").run("--help"), re.MULTILINE)


# Names of options in egs2/TEMPLATE/asr1/asr.sh of ESPnet at f48416ba, and those that later versions have besides.
ASR_SH = """stage stop_stage skip_stages skip_data_prep skip_train skip_eval skip_upload skip_packing skip_upload_hf
    eval_valid_set ngpu num_nodes nj inference_nj gpu_inference dumpdir expdir python use_lightning
    local_data_opts post_process_local_data_opts auxiliary_data_tags speed_perturb_factors feats_type
    audio_format multi_columns_input_wav_scp multi_columns_output_wav_scp fs min_wav_duration
    max_wav_duration token_type nbpe bpemode oov blank sos_eos bpe_input_sentence_size bpe_nlsyms
    bpe_char_cover hugging_face_model_name_or_path use_ngram ngram_exp ngram_num use_lm lm_tag lm_exp
    lm_stats_dir lm_config lm_args use_word_lm num_splits_lm word_vocab_size asr_task asr_tag asr_exp
    asr_stats_dir asr_config asr_args pretrained_model ignore_init_mismatch feats_normalize
    num_splits_asr num_ref num_inf sot_asr hf_repo use_k2 k2_ctc_decoding use_nbest_rescoring num_paths
    nll_batch_size k2_config use_streaming use_maskctc batch_size inference_tag inference_config
    inference_args inference_lm inference_ngram inference_asr_model download_model train_set valid_set
    test_sets bpe_train_text lm_train_text lm_dev_text lm_test_text nlsyms_txt cleaner g2p lang
    score_opts local_score_opts asr_speech_fold_length asr_text_fold_length lm_fold_length""".split()


def test_every_option_of_asr_sh_has_its_line_in_the_table_and_leads_to_an_option_or_a_reason():
    rows = [line.strip("|").split("|") for line in (ROOT / "docs/espnet_options.md").read_text().splitlines()
            if line.startswith("| ")][1:]  # fmt: skip
    table = {name.strip(): (ours.strip(), why.strip()) for name, ours, why in rows}
    assert sorted(table) == sorted(ASR_SH) and len(rows) == len(table)
    for name, (ours, why) in table.items():
        assert (ours == "same") == (name in DEFINED), name
        assert ours in ("same", *DEFINED) or (ours == "not needed" and why), name


@pytest.mark.parametrize(("word", "answer"), [
    ("--pretrained_model=my.pth", "--pretrained_model: a name of ESPnet's; here it is --init_from: weights"),
    ("--inference_tag", "here it is --decode_name"), ("--use_lm", "here it is --use_ngram"),
    ("--feats-normalize", "that is not needed here: utterances are normalised by the trunk"),
    ("--download_model", "that is not needed here: use `bljust recognise --model user/name talk.wav`"),
])  # fmt: skip
def test_options_of_espnet_lead_to_ours(recipe, word, answer):
    output = recipe.run(word, "x", code=1)
    assert answer in output and output.startswith("run.sh: ") and "my.pth" not in output


@pytest.mark.parametrize("words", [
    "--grad_clip 1 --optim_conf eps=1e-8 plan_conf.gamma_max=3",
    "grad_clip=1 optim_conf.eps=1e-8 plan_conf.gamma_max=3",
    "--grad_clip=1 --optim_conf.eps 1e-8 --plan_conf gamma_max=3",
])  # fmt: skip
def test_asr_args_may_be_written_as_espnet_s(recipe, words):
    output = recipe.run("--stage", "11", "--stop_stage", "11", "--dry_run", "--asr_args", words)
    assert "_seed0_grad_clip_1_optim_conf.eps_1e-8_plan_conf.gamma_max_3/average.pth" in output


def test_an_asr_arg_without_a_value_is_shown_as_it_should_be(recipe):
    assert "--max_epoch has no value. Write max_epoch=value." in recipe.run("--asr_args", "--max_epoch", code=1)
