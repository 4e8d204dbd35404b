"""The walk along sorted tables agrees with the check that reads everything, on whole and on damaged directories."""

import random

import pytest

from espnet_bljust.data.kaldi.directory import scan_dir
from espnet_bljust.data.kaldi.walk import Walked, walk_dir
from espnet_bljust.errors import InputError

TABLES = ("wav.scp", "utt2spk", "text", "spk2utt", "segments", "utt2speed")


@pytest.fixture
def whole(make_dir, tmp_path):
    """Six utterances of two speakers, cut from three recordings."""
    rows = [(f"s{index % 2}-u{index}", f"s{index % 2}", f"WORD {index}", "x.wav") for index in range(6)]
    folder = make_dir(tmp_path / "whole", rows)
    ids = sorted(row[0] for row in rows)
    (folder / "spk2utt").write_text("".join(f"s{half} {' '.join(ids[3 * half : 3 * half + 3])}\n" for half in (0, 1)))
    (folder / "wav.scp").write_text("".join(f"r{index} r{index}.wav\n" for index in range(3)))
    stretches = [f"{name} r{index % 3} {index} {index + 1.5}\n" for index, name in enumerate(ids)]
    (folder / "segments").write_text("".join(stretches))
    (folder / "utt2speed").write_text("".join(f"{name} 1.0\n" for name in ids))
    return folder


def problems_of(folder, require_text):
    try:
        return scan_dir(folder, require_text=require_text)[1]
    except InputError as error:
        return [str(error)]


@pytest.mark.parametrize("absent", [(), ("segments",), ("text",), ("spk2utt",), ("utt2speed", "segments")])
def test_a_whole_directory_is_counted(whole, absent):
    if "segments" in absent:
        (whole / "wav.scp").write_text((whole / "utt2spk").read_text())
    for name in absent:
        (whole / name).unlink()
    assert problems_of(whole, False) == []
    assert walk_dir(whole, require_text="text" not in absent) == Walked(6, 2)


def damage(folder, generator):
    """One change of one line of one table, or none that matters."""
    path = folder / generator.choice(TABLES)
    lines = path.read_text().splitlines(keepends=True)
    at = generator.randrange(len(lines))
    words = lines[at].split()
    generator.choice([
        lambda: lines.pop(at),
        lambda: lines.insert(at, lines[at]),
        lambda: lines.reverse(),
        lambda: lines.insert(at, "\n"),
        lambda: lines.__setitem__(at, words[0] + "\n"),
        lambda: lines.__setitem__(at, " ".join([words[0] + "x", *words[1:]]) + "\n"),
        lambda: lines.__setitem__(at, " ".join([words[0], "s9", *words[2:]]) + "\n"),
        lambda: lines.__setitem__(at, " ".join([*words, words[-1]]) + "\n"),
        lambda: lines.__setitem__(at, lines[at].replace("\n", "\r\n")),
        lambda: lines.clear(),
        lambda: lines.__setitem__(-1, lines[-1].rstrip("\n")),
        lambda: None,
    ])()  # fmt: skip
    path.write_text("".join(lines))


@pytest.mark.parametrize("require_text", [True, False])
def test_the_walk_passes_exactly_where_the_full_check_finds_nothing(whole, require_text):
    contents = {name: (whole / name).read_text() for name in TABLES}
    passed = 0
    for seed in range(400):
        for name, text in contents.items():
            (whole / name).write_text(text)
        damage(whole, random.Random(seed))
        walked, problems = walk_dir(whole, require_text=require_text), problems_of(whole, require_text)
        assert (walked is None) == bool(problems), (seed, problems)
        passed += walked is not None
    assert 20 < passed < 200
