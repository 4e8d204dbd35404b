import pytest

from espnet_bljust.data.kaldi.audio_check import check_audio
from espnet_bljust.data.kaldi.directory import read_dir, scan_dir, write_dir
from espnet_bljust.errors import InputError


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def rewrite(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def problems_of(folder):
    with pytest.raises(InputError) as error:
        read_dir(folder, require_text=True)
    return str(error.value)


def test_a_correct_directory_has_no_problem_and_is_read_whole(data_dir, rows):
    directory = read_dir(data_dir, require_text=True)
    assert directory.text == {row[0]: row[2] for row in rows}
    assert directory.utterances == sorted(row[0] for row in rows)


def test_a_transcript_without_words_names_file_and_line(data_dir):
    lines = lines_of(data_dir / "text")
    utterance = lines[2].split()[0]
    lines[2] = utterance
    rewrite(data_dir / "text", lines)
    assert f"{data_dir}/text:3: utterance {utterance} has no transcript. Add its words" in problems_of(data_dir)


def test_an_utterance_missing_from_text_is_named_with_the_line_that_has_it(data_dir):
    lines = lines_of(data_dir / "text")
    utterance = lines.pop(1).split()[0]
    rewrite(data_dir / "text", lines)
    assert f"{data_dir}/wav.scp:2: utterance {utterance} is missing from {data_dir}/text" in problems_of(data_dir)


def test_an_utterance_without_audio_is_named_with_its_line(data_dir):
    lines = lines_of(data_dir / "wav.scp")
    utterance = lines.pop(3).split()[0]
    rewrite(data_dir / "wav.scp", lines)
    assert f"{data_dir}/text:4: utterance {utterance} is not in wav.scp" in problems_of(data_dir)
    assert f"{data_dir}/utt2spk:4: utterance {utterance} is not in wav.scp" in problems_of(data_dir)


@pytest.mark.parametrize("name", ["wav.scp", "text", "utt2spk"])
def test_a_duplicate_id_an_unsorted_and_a_blank_line_are_named_in_every_table(data_dir, name):
    lines = lines_of(data_dir / name)
    rewrite(data_dir / name, [lines[1], lines[0], lines[0], "", *lines[2:]])
    message = problems_of(data_dir)
    assert f"{data_dir / name}:2: {lines[0].split()[0]} sorts before" in message
    assert f"{data_dir / name}:3: {lines[0].split()[0]} stands on line 2 already" in message
    assert f"{data_dir / name}:4: a blank line" in message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{u} {r} 0.1", "3 fields where 4 are due"),
        ("{u} {r} zero 0.2", "times zero 0.2 are not numbers"),
        ("{u} {r} -0.1 0.2", "start -0.1 is no time"),
        ("{u} {r} nan 0.2", "start nan is no time"),
        ("{u} {r} 0.2 0.1", "end 0.1 is not after start 0.2"),
        ("{u} {r} 0.2 inf", "end inf is not after start 0.2"),
        ("{u} nowhere 0.1 0.2", "recording nowhere is not in wav.scp"),
    ],
)
def test_a_bad_time_in_segments_names_file_and_line(data_dir, line, message):
    names = [row.split()[0] for row in lines_of(data_dir / "wav.scp")]
    segments = [f"{name} {name} 0 -1" for name in names]
    segments[1] = line.format(u=names[1], r=names[1])
    rewrite(data_dir / "segments", segments)
    found = problems_of(data_dir)
    assert f"{data_dir}/segments:2: " in found and message in found


def test_spk2utt_must_be_utt2spk_turned_round(data_dir):
    (data_dir / "spk2utt").write_text("nobody nothing\n")
    assert f"{data_dir}/spk2utt:1: speaker nobody: not the utterances of utt2spk" in problems_of(data_dir)


def test_a_missing_file_and_a_missing_folder_are_named(data_dir):
    (data_dir / "text").unlink()
    read_dir(data_dir)
    assert f"{data_dir}/text: no such file" in problems_of(data_dir)
    assert "nowhere: no such folder" in problems_of(data_dir.with_name("nowhere"))


def test_missing_unreadable_stereo_and_wrong_rate_audio_are_named_by_line_of_wav_scp(data_dir, tmp_path, make_tone):
    import numpy as np
    import soundfile

    tone = make_tone()
    soundfile.write(tmp_path / "eight.wav", tone, 8000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([tone, tone], 1), 16000)
    (tmp_path / "text.wav").write_text("this is no audio")
    (tmp_path / "void.wav").touch()
    names = [line.split()[0] for line in lines_of(data_dir / "wav.scp")]
    files = ["eight.wav", "stereo.wav", "text.wav", "void.wav", "absent.wav"]
    lines = [f"{name} {tmp_path / file}" for name, file in zip(names, files, strict=False)]
    rewrite(data_dir / "wav.scp", lines + lines_of(data_dir / "wav.scp")[5:])
    assert scan_dir(data_dir, require_text=True)[1] == []
    assert [line.split(": ")[0] for line in check_audio(data_dir)] == [f"{data_dir}/wav.scp:5"]
    found = check_audio(data_dir, rate=16000)
    for number, what in enumerate(["8000 Hz", "2 channels", "unreadable", "unreadable", "no such audio file"], 1):
        assert found[number - 1].startswith(f"{data_dir}/wav.scp:{number}: ") and what in found[number - 1]
    assert len(found) == 5


def test_a_written_directory_reads_back_the_same_and_twice_is_as_once(data_dir, tmp_path, tree):
    directory = read_dir(data_dir)
    write_dir(tmp_path / "copy", directory)
    first = tree(tmp_path / "copy")
    again = read_dir(tmp_path / "copy")
    assert (again.wavs, again.text, again.utt2spk) == (directory.wavs, directory.text, directory.utt2spk)
    write_dir(tmp_path / "copy", directory)
    assert tree(tmp_path / "copy") == first
    assert not list(tmp_path.glob("copy.*"))
