"""Stage 15 with the hub's own client against a hub on this machine; names that the hub would refuse stop before it."""

from pathlib import Path

import pytest

from espnet_bljust.bin.upload import get_parser, main
from espnet_bljust.errors import InputError
from espnet_bljust.publishing.hub import check_name, published_files, without_token
from tests.helpers.hub import TOKEN, Hub, start, upload

CARD = "---\nlanguage: en\nlicense: cc-by-4.0\n---\n# toy\n"
FILES = {"pack/meta.yaml": b"files: {}\n", "pack/README.md": CARD.encode(), "pack/exp/model.pth": b"espnet" * 1000,
         "huggingface/config.json": b"{}", "huggingface/model.safetensors": b"transformers" * 1000}
PUBLISHED = {name.partition("/")[2]: content for name, content in FILES.items()}


@pytest.fixture
def exp_dir(tmp_path):
    for name, content in FILES.items():
        (tmp_path / "toy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "toy" / name).write_bytes(content)
    (tmp_path / "toy" / "checkpoint.pth").write_text("stays here")
    return tmp_path / "toy"


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.shutdown()
    hub.server_close()


def dry_run(exp_dir, repo="user/name"):
    """What the command does where nobody says otherwise."""
    main(get_parser().parse_args(["--exp_dir", str(exp_dir), f"--hf_repo={repo}"]))


def test_what_arrives_is_what_the_dry_run_lists_in_one_commit(exp_dir, hub, capsys):
    dry_run(exp_dir)
    *rows, total = capsys.readouterr().out.splitlines()
    assert "5 files, 0.0 MB" in total
    listed = sorted(row.rpartition(" (")[2].split(" bytes) to user/name/") for row in rows)
    assert listed == sorted([str(len(content)), name] for name, content in PUBLISHED.items()) and hub.requests == []
    output = upload(exp_dir, hub)
    assert "user/name: 5 files, 0.0 MB published" in output and TOKEN not in output
    assert hub.repositories == {"user/name": PUBLISHED} and len(hub.commits) == 1


def test_an_upload_that_was_killed_goes_on_and_sends_no_file_twice(exp_dir, hub):
    hub.hold_after = 1
    process = start(exp_dir, hub)
    assert hub.holding.wait(60)
    seen = Path(f"/proc/{process.pid}/cmdline")  # what ps shows
    assert not seen.exists() or TOKEN not in seen.read_text()
    process.kill()
    process.communicate()
    assert len(hub.arrived) == 1 and hub.repositories == {"user/name": {}}  # nothing half-published
    hub.hold_after = None
    upload(exp_dir, hub)
    assert len(hub.arrived) == len(set(hub.arrived)) == 2 and hub.repositories["user/name"] == PUBLISHED


def test_every_refusal_is_one_line_without_the_token(exp_dir, hub):
    wrong = "hf_" + "wrong" * 5
    for token, repo, words in ((wrong, "user/name", "refuses this machine's token"),
                               ("", "user/name", "no token. Log in"),
                               (f"{TOKEN}\u00e9 x", "user/name", "not one word of ASCII"),
                               (TOKEN, "other/name", "may not write there")):
        output = upload(exp_dir, hub, token=token, repo=repo, code=1)
        (line,) = output.strip().splitlines()
        assert line.startswith("error: ") and words in line and "hf_" + "A1" not in line and wrong not in line
    assert hub.repositories == {} and TOKEN not in "".join(map(str, hub.requests))


def test_a_card_that_the_hub_refuses_sends_nothing_but_its_text(exp_dir, hub):
    readme = exp_dir / "pack/README.md"
    readme.write_text(CARD.replace("cc-by-4.0", "free-of-charge"))
    output = upload(exp_dir, hub, code=1)
    assert len(output.splitlines()) == 1 and "license" in output and hub.storage == {}
    readme.write_text(CARD.replace("license: cc-by-4.0\n", ""))
    with pytest.raises(InputError, match="README.md: names no licence.*--hf_license"):
        dry_run(exp_dir)


def test_texts_lose_tokens_of_any_kind(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "an-odd-token")
    assert without_token(f"Bearer an-odd-token, {TOKEN}") == "Bearer hf_..., hf_..."


@pytest.mark.parametrize("repo", ["", "name", "/name", "user/", "a/b/c", "user name/x", "user/na me", "user/x\n",
                                  "-a/b", "user/.x", "user/x.", "user/x-", "a--b/c", "user/a..b", "üser/x",
                                  "user/x.git", "https://huggingface.co/user/x", "user/" + "x" * 100])  # fmt: skip
def test_a_name_that_the_hub_refuses_is_refused_here_before_anything_is_sent(exp_dir, repo, capsys):
    with pytest.raises(InputError, match="not of the form user/name"):
        dry_run(exp_dir, repo)
    assert capsys.readouterr().out == ""


def test_a_token_in_the_place_of_the_name_is_not_repeated(exp_dir):
    with pytest.raises(InputError) as caught:
        dry_run(exp_dir, TOKEN)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("repo", ["user/name", "Some-Org/BL-JUST_an4.v2", "u/" + "x" * 94])
def test_a_name_that_the_hub_takes_is_taken(repo):
    check_name(repo)


def test_a_missing_pack_names_the_stage_that_makes_it(tmp_path):
    with pytest.raises(InputError, match="Run stage 14"):
        dry_run(tmp_path)


@pytest.mark.parametrize("folder", ["pack", "huggingface"])
def test_what_a_link_leads_to_is_not_published(tmp_path, folder):
    for name in ("pack", "huggingface"):
        (tmp_path / name).mkdir()
    (tmp_path / "pack/meta.yaml").write_text("files: {}")
    (tmp_path / "private").write_text("mine")
    (tmp_path / folder / "extra").symlink_to(tmp_path / "private")
    with pytest.raises(InputError, match="extra: a link"):
        published_files(tmp_path)
