"""Names of what is measured on dev, by the settings of a run."""

import pytest

from espnet_bljust.scoring.measures import measures


@pytest.mark.parametrize(("text", "rate", "loss"), [
    ("seed: 0", "CER", "CTC"), ("token_type: bpe", "CER", "CTC"), ("token_type: phn", "PER", "CTC"),
    ("token_type: word\nhead_conf: {kind: mean}", "wrong", "cross entropy"),
])  # fmt: skip
def test_phones_classes_and_the_rest_have_their_own_names(tmp_path, text, rate, loss):
    assert measures(tmp_path)[::2] == ("CER", "CTC")
    (tmp_path / "train.yaml").write_text(text + "\n")
    assert measures(tmp_path)[::2] == (rate, loss)
