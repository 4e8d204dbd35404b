"""Stage 15 and the cost planner through their scripts, in the recipe of noise."""

import os
import subprocess

TOKEN = "hf_" + "A1b2C3d4" * 4


def test_stage_15_lists_what_it_would_send_and_asks_for_name_and_licence(recipe):
    words = ["--stage", "15", "--skip_upload_hf", "false", "--asr_tag", "toy", "--ngpu", "0"]
    recipe.environment["HF_TOKEN"] = TOKEN
    assert "--hf_repo user/name is needed" in recipe.run(*words, code=1)
    words += ["--hf_repo", "user/toy"]
    assert "exp/toy/pack: no pack. Run stage 14 first" in recipe.run(*words, code=1)
    pack = recipe.folder / "exp/toy/pack"
    pack.mkdir(parents=True)
    (pack / "meta.yaml").write_text("files: {}\n")
    (pack / "README.md").write_text("---\nlanguage: en\n---\n")
    assert "README.md: names no licence" in recipe.run(*words, code=1)
    (pack / "README.md").write_text("---\nlicense: mit\n---\n")
    output = recipe.run(*words)
    assert "exp/toy/pack/meta.yaml (10 bytes) to user/toy/meta.yaml" in output
    assert "stage 15 upload: would upload 2 files" in output and TOKEN not in output
    files = [path.read_bytes() for path in recipe.folder.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in content for content in files)


def test_a_token_given_as_an_option_is_not_repeated(recipe):
    output = recipe.run(f"--hf_token={TOKEN}", code=1)
    assert "--hf_token: no such option" in output and TOKEN not in output


def test_the_planner_runs_in_a_recipes_folder_before_there_is_any_data(recipe):
    command = ["../../../local/plan.sh", "--model_size", "tiny", "--rate", "400", "--gpus", "1 2"]
    done = subprocess.run(command, cwd=recipe.folder, env={**os.environ, **recipe.environment}, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "optimizer steps of" in done.stdout and "\n| 2 | " in done.stdout and "given, 400 h of audio" in done.stdout
    assert {path.name for path in recipe.folder.iterdir()} == {"cmd.sh", "conf", "local", "path.sh", "run.sh"}
