"""One bad transcript, as a user meets it at stage 7: the line names a way, and the way works."""

import re


def test_a_transcript_of_600_letters_stops_stage_7_and_the_option_in_its_line_goes_on(finished):
    text = finished.folder / "dump/raw/train_labelled/text"
    text.write_text(re.sub(r"(s0-1 ).*", r"\g<1>" + "one two " * 76, text.read_text()).replace("two \n", "two\n"))
    stage = ("--stage", "7", "--stop_stage", "7", "--ngpu", "0", "--asr_tag", "toy")
    refused = finished.run(*stage, code=1)
    assert "Traceback" not in refused
    (option,) = re.findall(r"too_short_for_ctc\.txt: 1 of 4 utterances .*? or (--skip_broken true):", refused)
    assert (finished.folder / "exp/toy/too_short_for_ctc.txt").read_text().startswith("s0-1 ")
    went_on = finished.run(*stage, *option.split())
    assert "1 of 4 labelled utterances, too short for their transcripts, are in the pool instead" in went_on
    kept = (finished.folder / "exp/toy/labelled/text").read_text()
    assert [line.split()[0] for line in kept.splitlines()] == ["s0-0", "s0-2", "s0-3"]
