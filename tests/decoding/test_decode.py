"""Stage 12 through its command: any number of parts gives one result, and what is missing or wrong is named."""

import shutil
import sys
from pathlib import Path

import pytest
import torch
import yaml

from espnet_bljust.bin import tune_search
from espnet_bljust.bin.decode import get_parser, main
from espnet_bljust.command import run
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.data.text.arpa import write_arpa
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.decoding.dev_errors import DevErrors
from espnet_bljust.decoding.parts import TABLES, WEIGHTS
from espnet_bljust.decoding.tuning import count_errors
from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.planning import limits
from espnet_bljust.planning.speed import Rates
from tests.helpers import experiment


@pytest.fixture(scope="module")
def exp_dir(tmp_path_factory):
    """An experiment with random weights, its CTC head sharpened so that tokens are heard in noise."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))
        exp_dir = experiment.make_experiment(tmp_path_factory.mktemp("decode"))
    settings = yaml.safe_load((exp_dir / "train.yaml").read_text())
    network = JointNetwork(TrunkConfig.from_dict(settings["trunk_conf"]), SSLConfig.from_dict(settings["ssl_conf"]),
                           len(settings["token_list"]))
    state = network.state_dict()
    state["ctc.ctc_lo.weight"] *= 30
    torch.save({f"network.{name}": value for name, value in state.items()}, exp_dir / "average.pth")
    return exp_dir


@pytest.fixture
def decode(exp_dir, tmp_path):
    """Run the command on the 7 labelled utterances; gives the folder that it wrote to."""

    def decode(num_jobs=1, job=1, finish="false", out="out", **more):
        named = {"exp_dir": exp_dir, "data_dir": exp_dir.parent / "dump/train_labelled", "out_dir": tmp_path / out,
                 "num_jobs": num_jobs, "job": job, "finish": finish, **more}
        main(get_parser().parse_args([item for name, value in named.items() for item in (f"--{name}", str(value))]))
        return tmp_path / out

    return decode


def in_parts(decode, num_jobs, **more):
    for job in range(num_jobs, 0, -1):  # in any order
        decode(num_jobs, job, **more)
    return decode(num_jobs, finish="true", **more)


def tables(folder):
    return {name: read_table(folder / name, allow_empty=True) for name in TABLES}


@pytest.fixture
def whole(decode):
    return tables(in_parts(decode, 1, out="whole"))


@pytest.mark.parametrize(("num_jobs", "batch_seconds"), [(3, 60.0), (1, 0.1), (2, 2.5), (9, 60.0)])
def test_parts_and_batches_change_no_table(decode, whole, num_jobs, batch_seconds):
    """Nine jobs for seven utterances leave two without work."""
    parts = tables(in_parts(decode, num_jobs, batch_seconds=batch_seconds))
    for name in ("text", "token", "token_int"):
        assert parts[name] == whole[name]
    for utterance, score in parts["score"].items():
        assert abs(float(score) - float(whole["score"][utterance])) < 2e-3  # nats; written with 4 digits


def test_the_tables_agree_with_each_other_and_hold_every_utterance(whole, exp_dir):
    utterances = list(read_table(exp_dir.parent / "dump/train_labelled/wav.scp"))
    assert all(list(table) == utterances for table in whole.values())
    assert len(set(whole["text"].values())) > 1  # something is heard, and not always the same
    for utterance in utterances:
        tokens = whole["token"][utterance].split()
        assert [experiment.TOKENS[int(index)] for index in whole["token_int"][utterance].split()] == tokens
        assert "<blank>" not in tokens and float(whole["score"][utterance]) <= 0


def test_a_finished_set_leaves_the_tables_alone_whatever_lay_there_before(decode):
    decode(5, 4)  # of an earlier call with more jobs
    folder = in_parts(decode, 2)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*TABLES, WEIGHTS])


def test_each_part_ends_in_one_line(decode, capsys):
    decode(3, 2)
    (line,) = capsys.readouterr().out.splitlines()
    assert "part.2: 2 utterances, real-time factor" in line


def test_a_missing_part_is_named_and_the_others_stay(decode):
    decode(3, 1), decode(3, 3)
    with pytest.raises(InputError, match=r"part\.2"):
        decode(3, finish="true")
    decode(3, 2)
    assert len(tables(decode(3, finish="true"))["text"]) == 7


def test_utterances_that_no_part_holds_are_named(decode, tmp_path):
    decode(2, 1), decode(2, 2)
    table = tmp_path / "out/part.1/text"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[1:]))
    with pytest.raises(InputError, match=f"1 utterances were not decoded, the first.*{lines[0].split()[0]}"):
        decode(2, finish="true")


def test_alignments_cover_the_words_in_order_and_inside_the_audio(decode, exp_dir):
    folder = in_parts(decode, 3, write_alignments="true")
    samples = read_table(exp_dir.parent / "dump/train_labelled/utt2num_samples")
    found = {name: [] for name in samples}
    for line in (folder / "ctm").read_text().splitlines():
        name, channel, start, duration, word, confidence = line.split()
        assert channel == "1" and 0 <= float(confidence) <= 1 and float(duration) >= 0.0199
        found[name].append((float(start), float(start) + float(duration), word))
    for name, text in read_table(folder / "text", allow_empty=True).items():
        assert [word for _, _, word in found[name]] == text.split()
        edges = [edge for start, end, _ in found[name] for edge in (start, end)]
        assert all(later >= edge - 1.1e-3 for edge, later in zip(edges, edges[1:], strict=False))  # written in ms
        assert 0 <= edges[0] and edges[-1] <= int(samples[name]) / 16000
    assert list(found) == sorted(found) and not (in_parts(decode, 1) / "ctm").exists()


def test_posteriors_are_read_back_and_their_best_path_is_the_hypothesis(decode):
    kaldiio = pytest.importorskip("kaldiio")
    folder = in_parts(decode, 2, write_posteriors="true")
    ids = read_table(folder / "token_int", allow_empty=True)
    frames = dict(kaldiio.load_scp(str(folder / "posteriors.scp")))
    assert sorted(frames) == list(ids)
    for name, matrix in frames.items():
        assert torch.from_numpy(matrix).exp().sum(1).numpy() == pytest.approx(1, abs=1e-4)
        path = torch.from_numpy(matrix).argmax(1).unique_consecutive().tolist()
        assert " ".join(str(token) for token in path if token) == ids[name]
    in_parts(decode, 1)
    assert not list(folder.glob("posteriors*"))


def test_a_language_model_moves_the_text_and_n_best_lists_fall_in_score(decode, whole, tmp_path):
    write_arpa(tmp_path / "ab.arpa", estimate([list("AB" * 9), list("ABAB")], 3))
    beam = {"search": "beam", "beam_size": 10, "nbest": 3, "ngram": tmp_path / "ab.arpa", "ngram_weight": 12,
            "ngram_unit": "token"}
    folder = in_parts(decode, 2, **beam)
    ranks = [tables(folder), *(tables(folder / f"{rank}best_recog") for rank in (2, 3))]
    assert ranks[0]["text"] != whole["text"] and any("ABAB" in text for text in ranks[0]["text"].values())
    for name in whole["text"]:
        scores = [float(rank["score"][name]) for rank in ranks]
        assert scores == sorted(scores, reverse=True) and len({rank["token"][name] for rank in ranks}) == 3
    assert sorted(path.name for path in in_parts(decode, 1).iterdir()) == sorted([*TABLES, WEIGHTS])


@pytest.mark.parametrize("job", [0, -1, 4])
def test_a_part_outside_the_number_of_parts_is_refused(decode, job):
    with pytest.raises(InputError, match=f"--job {job}: not in 1 to 3"):
        decode(3, job)


def test_an_utterance_without_its_length_is_named(decode, exp_dir, tmp_path):
    data_dir = tmp_path / "set"
    shutil.copytree(exp_dir.parent / "dump/dev", data_dir)
    lines = (data_dir / "utt2num_samples").read_text().splitlines(keepends=True)
    (data_dir / "utt2num_samples").write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="utt2num_samples: has no dev-02"):
        decode(data_dir=data_dir)


@pytest.mark.parametrize(
    "kind", ["other shape", "one less", "one more", "no prefix", "list", "cut", "flipped", "none"])  # fmt: skip
def test_wrong_weights_end_in_one_line_that_names_the_file(exp_dir, tmp_path, kind, monkeypatch, capsys):
    model = exp_dir / "wrong.pth"
    model.unlink(missing_ok=True)
    write_wrong(kind, model, torch.load(exp_dir / "average.pth", weights_only=True))
    arguments = {"exp_dir": exp_dir, "model": model.name, "data_dir": exp_dir.parent / "dump/dev",
                 "out_dir": tmp_path / "out"}
    monkeypatch.setattr(sys, "argv", ["decode", *(f"--{name}={value}" for name, value in arguments.items())])
    with pytest.raises(SystemExit) as caught:
        run(get_parser(), main)
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1 and line.startswith(f"error: {model}: ") and len(line) < 600
    assert not (tmp_path / "out").exists()


def write_wrong(kind, path, state):
    name = "network.ctc.ctc_lo.bias"
    if kind == "other shape":
        state[name] = torch.zeros(3)
    elif kind == "one less":
        del state[name]
    elif kind == "one more":
        state["network.ctc.more"] = torch.zeros(3)
    elif kind == "no prefix":
        state = {name.removeprefix("network."): value for name, value in state.items()}
    if kind != "none":
        torch.save([1, 2] if kind == "list" else state, path)
    if kind in ("cut", "flipped"):
        data = bytearray(path.read_bytes())
        data[data.index(state[name].numpy().tobytes())] ^= 1
        path.write_bytes(data[:-500] if kind == "cut" else data)


def test_settings_are_chosen_on_a_set_and_taken_for_decoding(exp_dir, tmp_path, capsys):
    """The chosen settings make no more errors than any that were tried, by a count of the decoded text itself."""
    data_dir = exp_dir.parent / "dump/train_labelled"
    write_arpa(tmp_path / "x.arpa", estimate([text.split() for text in read_table(data_dir / "text").values()], 2))
    (tmp_path / "decode_x.yaml").write_text(
        "search: beam\nngram_weight: 0.1\nbeam_size: 30\nnbest: 2\ntune: {ngram_weight: [0.1, 9], penalty: [-5, 5]}\n")
    words = ["--exp_dir", exp_dir, "--data_dir", data_dir, "--ngram", tmp_path / "x.arpa", "--beam_size", 20]
    tune_options = tune_search.get_parser().parse_args([str(word) for word in (
        *words, "--out_dir", tmp_path / "out", "--inference_config", tmp_path / "decode_x.yaml")])
    tune_search.main(tune_options)
    assert "7 utterances" in capsys.readouterr().out
    chosen = yaml.safe_load((tmp_path / "out/search.yaml").read_text())
    assert (chosen["beam_size"], chosen["nbest"], chosen["ngram_unit"]) == (20, 2, "word")
    lines = (tmp_path / "out/tuning.md").read_text().splitlines()
    lines = [line.replace("*", "").strip("|") for line in lines if line.startswith("| ") and "ngram" not in line]
    rows = [line.split("|") for line in lines]
    assert len(rows) >= 4 and min(rows, key=lambda row: tuple(map(float, row[2:])))[2:] == [
        row[2:] for row in rows if (float(row[0]), float(row[1])) == (chosen["ngram_weight"], chosen["penalty"])][0]
    main(get_parser().parse_args([str(word) for word in (
        *words, "--out_dir", tmp_path / "test", "--inference_config", tmp_path / "out/search.yaml")]))
    found = read_table(tmp_path / "test/part.1/text", allow_empty=True)
    references = read_table(data_dir / "text")
    rate = count_errors([references[name] for name in found], list(found.values())).words.error_rate
    assert f"{100 * rate:.2f}" in {row[2].strip() for row in rows}


def test_epochs_are_heard_on_dev_as_stage_12_hears_them(exp_dir, decode):
    dev = Path(yaml.safe_load((exp_dir / "train.yaml").read_text())["valid_data_path_and_name_and_type"][0][0]).parent
    decode(data_dir=dev)
    found, texts = read_table(decode(data_dir=dev, finish="true") / "text", allow_empty=True), read_table(dev / "text")
    characters = count_errors(list(texts.values()), [found[name] for name in texts]).characters
    assert characters.errors and DevErrors.of(exp_dir).rate(exp_dir / "average.pth") == characters.error_rate
