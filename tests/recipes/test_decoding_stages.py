"""The language model of stage 5 and the names and options of stage 12, through run.sh."""

import re

import pytest


def decode_words(recipe, *words):
    """The decoder's command and its folder, from a dry run of stage 12."""
    output = recipe.run("--dry_run", "--stage", "12", "--stop_stage", "12", *words)
    command = next(line for line in output.splitlines() if "espnet_bljust.bin.decode " in line)
    return command, re.search(r"/decode_([^/\s]+)/", command)[1]


def test_a_recipe_decodes_greedily_by_default_as_ever(recipe):
    command, name = decode_words(recipe)
    assert name == "greedy" and "--ngram " not in command
    assert "--inference_config ../../../conf/decode_greedy.yaml" in command


@pytest.mark.parametrize(("words", "name"), [
    (["--use_ngram"], "beam_3gram_token"),
    (["--use_ngram", "--ngram_num", "5", "--ngram_unit", "word"], "beam_5gram_word"),
    (["--inference_ngram", "my/news.4.arpa"], "beam_news.4"),
    (["--inference_args", "--beam_size 50 --nbest 2"], "greedy_beam_size_50_nbest_2"),
    (["--use_ngram", "--decode_name", "mine"], "mine"),
])  # fmt: skip
def test_the_folder_tells_how_it_was_decoded(recipe, words, name):
    assert decode_words(recipe, *words)[1] == name


def test_the_model_of_stage_5_and_the_options_reach_the_decoder(recipe):
    command, _ = decode_words(recipe, "--use_ngram", "--write_alignments", "true", "--inference_args", "--nbest 3")
    assert "--ngram data/noinfo_ngram/char/3gram_token.arpa --ngram_unit token --nbest 3" in command
    assert "conf/decode_beam.yaml --write_alignments true" in command


def test_a_configuration_of_the_recipe_goes_before_the_shared_one(recipe):
    (recipe.folder / "conf/decode_beam.yaml").write_text("search: beam\n")
    assert "--inference_config conf/decode_beam.yaml" in decode_words(recipe, "--use_ngram")[0]


def test_stage_5_makes_the_model_from_the_labelled_text_alone_and_leaves_the_tokens(finished):
    before = finished.files()
    output = finished.run("--stage", "5", "--stop_stage", "5", "--use_ngram", "--ngram_unit", "word")
    assert "3-grams of words" in output
    after = finished.files()
    (new,) = set(after) - set(before)
    assert new == "data/noinfo_ngram/char/3gram_word.arpa" and {name: after[name] for name in before} == before
    unigrams = after[new].decode().split("\\1-grams:")[1].split("\\2-grams:")[0]
    assert set(re.findall(r"\t(\w+)", unigrams)) >= {"one", "two", "three", "four", "five"}
    assert "is up to date" in finished.run("--stage", "5", "--stop_stage", "5", "--use_ngram", "--ngram_unit", "word")


def test_the_text_of_a_test_set_is_no_text_for_the_model(finished):
    output = finished.run("--stage", "5", "--stop_stage", "5", "--use_ngram", "--lm_train_text",
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
    output = finished.run("--stage", "5", "--stop_stage", "5", "--use_ngram", "--ngram_num", "4")
    assert "by lmplz, 1 different" in output
    assert (finished.folder / "lmplz.options").read_text() == "-S 20% --discount_fallback --skip_symbols -o 4\n"
    assert (finished.folder / "lmplz.text").read_text().splitlines()[0] == "o n e <space> t w o"
