"""The language model of stage 5 and the names and options of stage 12, through run.sh."""

import re

import pytest


def decode_commands(recipe, *words):
    """The decoder's commands for the test set by the folder that each writes to, from a dry run of stage 12."""
    output = recipe.run("--dry_run", "--stage", "12", "--stop_stage", "12", *words)
    lines = [line for line in output.splitlines() if "espnet_bljust.bin.decode " in line and "--job" in line]
    return {re.search(r"--out_dir exp/[^/]+/decode_([^/\s]+)/test ", line)[1]: line for line in lines}


def test_a_recipe_decodes_greedily_and_with_a_language_model_tuned_on_dev(recipe):
    commands = decode_commands(recipe)
    assert list(commands) == ["greedy_average", "beam_3gram_average"]
    assert "--ngram " not in commands["greedy_average"]
    assert "--inference_config ../../../conf/decode_greedy.yaml" in commands["greedy_average"]
    assert "--ngram data/noinfo_ngram/char/3gram.arpa --ngram_unit auto" in commands["beam_3gram_average"]
    assert "/decode_beam_3gram_average/search.yaml" in commands["beam_3gram_average"]
    output = recipe.run("--dry_run", "--stage", "12", "--stop_stage", "12")
    (tuning,) = [line for line in output.splitlines() if "bin.tune_search" in line]
    assert "--inference_config ../../../conf/decode_beam.yaml" in tuning and "--data_dir dump/raw/dev" in tuning
    assert output.index("bin.tune_search") < output.index("search.yaml --write")


@pytest.mark.parametrize(("words", "names"), [
    (["--use_ngram", "false"], ["greedy_average"]),
    (["--inference_config", "conf/decode_greedy.yaml"], ["greedy_average"]),
    (["--task", "classification"], ["greedy_average"]),
    (["--ngram_num", "5", "--ngram_unit", "word"], ["greedy_average", "beam_5gram_word_average"]),
    (["--inference_ngram", "my/news.4.arpa"], ["greedy_average", "beam_news.4_average"]),
    (["--inference_args", "--beam_size 50 --nbest 2"], ["greedy_average", "beam_3gram_average_beam_size_50_nbest_2"]),
    (["--use_ngram", "false", "--inference_args", "--batch_seconds 9"], ["greedy_average_batch_seconds_9"]),
    (["--use_ngram", "false", "--inference_config", "conf/decode_beam.yaml"], ["greedy_average", "beam_average"]),
    (["--decode_name", "mine"], ["greedy_average", "mine"]),
])  # fmt: skip
def test_the_folder_tells_how_it_was_decoded(recipe, words, names):
    assert list(decode_commands(recipe, *words)) == names


def test_the_model_of_stage_5_and_the_options_reach_the_decoder(recipe):
    command = decode_commands(recipe, "--tune_search", "false", "--write_alignments", "true",
                              "--inference_args", "--nbest 3", "--decode_name", "x")["x"]  # fmt: skip
    assert "--ngram data/noinfo_ngram/char/3gram.arpa --ngram_unit auto" in command and " --nbest 3 " in command
    assert "conf/decode_beam.yaml --write_alignments true" in command


def test_a_configuration_of_the_recipe_goes_before_the_shared_one(recipe):
    (recipe.folder / "conf/decode_beam.yaml").write_text("search: beam\n")
    command = decode_commands(recipe, "--tune_search", "false")["beam_3gram_average"]
    assert "--inference_config conf/decode_beam.yaml" in command


def test_stage_5_makes_the_model_from_the_labelled_text_alone_and_leaves_the_tokens(finished):
    before = finished.files()
    output = finished.run("--stage", "5", "--stop_stage", "5", "--ngram_unit", "word")
    assert "3-grams of words" in output
    after = finished.files()
    (new,) = set(after) - set(before)
    assert new == "data/noinfo_ngram/char/3gram_word.arpa" and {name: after[name] for name in before} == before
    unigrams = after[new].decode().split("\\1-grams:")[1].split("\\2-grams:")[0]
    assert set(re.findall(r"\t(\w+)", unigrams)) >= {"one", "two", "three", "four", "five"}
    assert "is up to date" in finished.run("--stage", "5", "--stop_stage", "5", "--ngram_unit", "word")


def test_the_text_of_a_test_set_is_no_text_for_the_model(finished):
    output = finished.run("--stage", "5", "--stop_stage", "5", "--lm_train_text",
                          "dump/raw/train_labelled/text data/test/text", code=1)  # fmt: skip
    assert "error: data/test/text: the text of a dev or test set" in output


def test_lmplz_makes_the_model_where_it_is_on_the_path(finished):
    """A stand-in for KenLM's program keeps what it is given."""
    folder = finished.folder / "bin"
    folder.mkdir()
    (folder / "model").write_text("\\data\\\nngram 1=1\nngram 2=0\n\n\\1-grams:\n-1\ta\n\n\\end\\\n")
    (folder / "lmplz").write_text('#!/bin/sh\necho "$@" >lmplz.options\ncat >lmplz.text\ncat bin/model\n')
    (folder / "lmplz").chmod(0o755)
    with open(finished.folder / "cmd.sh", "a") as file:
        file.write('export PATH=$PWD/bin:$PATH\n')
    output = finished.run("--stage", "5", "--stop_stage", "5", "--ngram_num", "4", "--ngram_unit", "token")
    assert "by lmplz, 1 different" in output
    assert (finished.folder / "lmplz.options").read_text() == "-S 20% --discount_fallback --skip_symbols -o 4\n"
    assert (finished.folder / "lmplz.text").read_text().splitlines()[0] == "o n e <space> t w o"
