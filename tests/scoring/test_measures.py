"""Names of what is measured on dev, by the settings of a run."""

from espnet_bljust.scoring.measures import measures


def test_phones_classes_and_the_rest_have_their_own_names(tmp_path):
    assert measures(tmp_path)[::2] == ("CER", "CTC")
    for text, rate, loss in (("token_type: bpe", "CER", "CTC"), ("token_type: phn", "PER", "CTC"),
                             ("token_type: word\nhead_conf: {kind: mean}", "wrong", "cross entropy")):  # fmt: skip
        (tmp_path / "train.yaml").write_text(text + "\n")
        assert measures(tmp_path)[::2] == (rate, loss)
