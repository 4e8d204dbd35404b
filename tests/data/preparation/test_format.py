import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.data.preparation.format import FormatOptions, file_name, format_part
from espnet_bljust.data.preparation.format_merge import merge_parts
from espnet_bljust.errors import InputError

ROOT = Path(__file__).parents[3]


def format_all(data_dir, out_dir, num_jobs=1, skip_broken=False, **options):
    form = FormatOptions(**options)
    for job in range(num_jobs, 0, -1):  # any order will do
        format_part(data_dir, out_dir, part=(job, num_jobs), options=form)
    return merge_parts(data_dir, out_dir, num_jobs=num_jobs, options=form, skip_broken=skip_broken)


@pytest.mark.parametrize("audio_format", ["flac", "wav", "flac.ark", "wav.ark"])
def test_16_bit_audio_of_the_right_rate_comes_out_sample_for_sample(data_dir, rows, tmp_path, audio_format):
    out = tmp_path / "org" / "train"
    done = format_all(data_dir, out, num_jobs=2, audio_format=audio_format)
    wavs, counts = read_table(out / "wav.scp"), read_table(out / "utt2num_samples")
    assert done.kept == len(rows) == len(wavs) and done.broken == done.resampled == done.overshoot == 0
    for utterance, _, words, path in rows:
        expected, _ = soundfile.read(path, dtype="int16")
        samples, rate = read_audio(wavs[utterance])
        assert rate == 16000 and (samples * 32768 == expected).all()
        assert int(counts[utterance]) == len(expected)
        assert read_table(out / "text")[utterance] == words
    assert not list(out.parent.glob("train.*"))


def test_the_number_of_jobs_and_the_size_of_blocks_change_no_table_but_the_paths(data_dir, tmp_path, monkeypatch):
    for jobs in (1, 3, 9):
        monkeypatch.setattr("espnet_bljust.data.kaldi.part.BLOCK", jobs)
        format_all(data_dir, tmp_path / f"by{jobs}", num_jobs=jobs)
    for name in ["text", "utt2spk", "spk2utt", "utt2num_samples", "utt2hash", "utt2level"]:
        assert len({(tmp_path / f"by{jobs}" / name).read_bytes() for jobs in (1, 3, 9)}) == 1, name


def command(data_dir, out_dir, *options):
    arguments = ["--data_dir", str(data_dir), "--out_dir", str(out_dir), *options]
    return [sys.executable, "-m", "espnet_bljust.bin.format_audio", *arguments]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_killed_at_random_moments_and_started_again_it_ends_in_the_same_files(make_rows, make_dir, tmp_path, tree):
    data_dir = make_dir(tmp_path / "data", make_rows(40))
    out = tmp_path / "org" / "train"
    whole = command(data_dir, out, "--num_jobs", "3")
    subprocess.run(whole, check=True, env=environment(), capture_output=True)
    unbroken = tree(out)
    moments = random.Random(0)
    for _ in range(8):
        process = subprocess.Popen(whole, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.05, 0.45))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(whole, check=True, env=environment(), capture_output=True)
    assert tree(out) == unbroken
    assert [path.name for path in out.parent.iterdir()] == ["train"], "no beginnings are left"


@pytest.mark.parametrize("stop", range(5))
def test_stopped_at_any_write_or_rename_it_ends_in_the_same_files(data_dir, tmp_path, tree, monkeypatch, stop):
    out = tmp_path / "org" / "train"
    format_all(data_dir, out, num_jobs=2)
    unbroken = tree(out)
    calls = 0
    for name in ("replace", "rename"):
        real = getattr(os, name)

        def stopping(source, target, real=real):
            nonlocal calls
            calls += 1
            if calls > stop:
                raise KeyboardInterrupt
            real(source, target)

        monkeypatch.setattr(os, name, stopping)
    with pytest.raises(KeyboardInterrupt):
        format_all(data_dir, out, num_jobs=2)
        format_all(data_dir, out, num_jobs=2)
    monkeypatch.undo()
    format_all(data_dir, out, num_jobs=2)
    assert tree(out) == unbroken


def test_a_finished_part_is_kept_and_one_whose_input_changed_is_made_again(data_dir, rows, tmp_path):
    out = tmp_path / "train"
    form = FormatOptions()
    first = format_part(data_dir, out, part=(1, 1), options=form)
    audio = next((tmp_path / "train.tmp").rglob("*.flac"))
    made = audio.stat().st_mtime_ns
    assert format_part(data_dir, out, part=(1, 1), options=form) == first
    assert audio.stat().st_mtime_ns == made
    changed = format_part(data_dir, out, part=(1, 1), options=FormatOptions(rate=8000))
    assert changed.fingerprint != first.fingerprint
    with pytest.raises(InputError, match="the data changed after part 1 was made"):
        merge_parts(data_dir, out, num_jobs=1, options=form, skip_broken=False)


def test_merging_before_all_parts_are_made_names_the_part(data_dir, tmp_path):
    format_part(data_dir, tmp_path / "train", part=(1, 2), options=FormatOptions())
    with pytest.raises(InputError, match="part 2 of 2 is not finished"):
        merge_parts(data_dir, tmp_path / "train", num_jobs=2, options=FormatOptions(), skip_broken=False)
    assert not (tmp_path / "train").exists()


def test_broken_audio_stops_with_file_and_line_unless_it_may_be_skipped(make_rows, make_dir, tmp_path):
    rows = make_rows(15)
    for row in rows[2:14]:
        Path(row[3]).write_text("no audio")
    data_dir, out = make_dir(tmp_path / "data", rows), tmp_path / "train"
    with pytest.raises(InputError) as error:
        format_all(data_dir, out)
    utterances = list(read_table(data_dir / "wav.scp"))
    line = utterances.index(rows[2][0]) + 1
    listed = (tmp_path / "train.broken.txt").read_text()
    (shown,) = str(error.value).splitlines()
    assert "12 problems, first: " in shown and f"All of them: {tmp_path}/train.broken.txt" in shown
    assert f"{data_dir}/wav.scp:{line}: utterance {rows[2][0]}: {rows[2][3]}: unreadable audio" in listed
    done = format_all(data_dir, out, skip_broken=True)
    assert (done.kept, done.broken) == (3, 12) and done.kept + done.broken == len(rows)
    assert set(read_table(out / "text")) == {rows[0][0], rows[1][0], rows[14][0]}
    assert len((out / "broken.txt").read_text().splitlines()) == 12


def test_several_channels_are_mixed_down_only_when_told(make_dir, make_tone, tmp_path):
    left, right = make_tone(pitch=300), make_tone(pitch=500, seed=1)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 16000)
    data_dir = make_dir(tmp_path / "data", [("a", "s", "YES", tmp_path / "a.wav")])
    with pytest.raises(InputError, match=r"data/wav\.scp:1: utterance a: .*2 channels.*--mixdown true"):
        format_all(data_dir, tmp_path / "train")
    format_all(data_dir, tmp_path / "train", mixdown=True)
    samples, _ = read_audio(read_table(tmp_path / "train" / "wav.scp")["a"])
    assert np.abs(samples * 32768 - (left.astype(float) + right) / 2).max() <= 0.5


def test_other_rates_are_resampled_and_counted(make_dir, make_tone, tmp_path):
    soundfile.write(tmp_path / "a.wav", make_tone(1.0, rate=44100), 44100)
    data_dir = make_dir(tmp_path / "data", [("a", "s", "YES", tmp_path / "a.wav")])
    assert format_all(data_dir, tmp_path / "train").resampled == 1
    assert read_table(tmp_path / "train" / "utt2num_samples") == {"a": "16000"}


def test_segments_are_cut_to_the_sample_and_one_behind_the_end_is_named(make_dir, make_tone, tmp_path):
    tone = make_tone(2.0)
    soundfile.write(tmp_path / "r.wav", tone, 16000)
    data_dir = make_dir(tmp_path / "data", [("a", "s", "YES", "x"), ("b", "s", "NO", "x")])
    (data_dir / "wav.scp").write_text(f"r {tmp_path / 'r.wav'}\n")
    (data_dir / "segments").write_text("a r 0.25 0.75\nb r 1.5 2.3\n")
    format_all(data_dir, tmp_path / "train")
    wavs = read_table(tmp_path / "train" / "wav.scp")
    assert (read_audio(wavs["a"])[0] * 32768 == tone[4000:12000]).all()
    assert (read_audio(wavs["b"])[0] * 32768 == tone[24000:]).all(), "up to half a second too long is cut"
    (data_dir / "segments").write_text("a r 0.25 0.75\nb r 1.5 2.6\n")
    with pytest.raises(InputError, match=r"data/segments:2: utterance b: .* ends 0\.60 s before the segment does"):
        format_all(data_dir, tmp_path / "train")


ODD = [
    "$(touch${IFS}pwned)",
    "a;b|",
    "..",
    "-rf",
    "a/b",
    "a%2Fb",
    "é\u0301",
    "x" * 300,
    "x" * 299 + "y",
    "`id`",
    "'\"",
    "a:7",
    ".",
]


def test_odd_characters_in_ids_and_paths_touch_no_shell_and_no_other_file(make_dir, make_tone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "$(touch pwned) & 'q' \"é"
    folder.mkdir()
    rows = []
    for index, utterance in enumerate(ODD):
        path = folder / f"{index};`touch pwned`.wav"
        soundfile.write(path, make_tone(seed=index), 16000)
        rows.append((utterance, "s", "YES", path))
    data_dir, out = make_dir(tmp_path / "data", rows), tmp_path / "out dir"
    for audio_format in ("flac", "flac.ark"):
        assert format_all(data_dir, out, audio_format=audio_format).kept == len(ODD)
        wavs = read_table(out / "wav.scp")
        for index, utterance in enumerate(ODD):
            assert (read_audio(wavs[utterance])[0] * 32768 == make_tone(seed=index)).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["data", "out dir", folder.name])
    assert len({file_name(utterance) for utterance in ODD}) == len(ODD)


def test_the_command_says_in_one_line_what_it_made_and_errors_in_one_line_each(data_dir, tmp_path):
    out = tmp_path / "train"
    for job in ("1", "2"):
        options = ["--num_jobs", "2", "--job", job]
        done = subprocess.run(command(data_dir, out, *options), env=environment(), capture_output=True, text=True)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    finish = command(data_dir, out, "--num_jobs", "2", "--finish", "true")
    done = subprocess.run(finish, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(f"{out}: 6 utterances, ")
    bad = subprocess.run([*finish, "--audio_format", "m4a"], env=environment(), capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == "error: --audio_format m4a: not known. Use flac, wav, flac.ark or wav.ark.\n"


def test_the_same_audio_with_another_time_gives_the_same_files(data_dir, rows, tmp_path, tree):
    copies = []
    for row in rows:
        path = tmp_path / "copy" / Path(row[3]).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(Path(row[3]).read_bytes())
        copies.append(path)
    lines = [f"{row[0]} {path}\n" for row, path in sorted(zip(rows, copies, strict=True))]
    (data_dir / "wav.scp").write_text("".join(lines))
    format_all(data_dir, tmp_path / "train")
    first = tree(tmp_path / "train")
    for path in copies:
        os.utime(path, (0, 0))
    format_all(data_dir, tmp_path / "train")
    assert tree(tmp_path / "train") == first


def test_pipes_and_absent_files_are_no_change_of_the_data_while_the_working_folder_changes(
    data_dir, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    lines = [line.split() for line in (data_dir / "wav.scp").read_text().splitlines()]
    pipes = [f"{utterance} cat {shlex.quote(path)} |\n" for utterance, path in lines[:-1]]
    (data_dir / "wav.scp").write_text("".join([*pipes, f"{lines[-1][0]} absent.wav\n"]))
    form = FormatOptions()
    format_part(data_dir, Path("org"), part=(1, 1), options=form, pipes=True)
    time.sleep(0.01)
    (tmp_path / "new").touch()
    done = merge_parts(data_dir, Path("org"), num_jobs=1, options=form, skip_broken=True)
    assert (done.kept, done.broken) == (len(lines) - 1, 1)
