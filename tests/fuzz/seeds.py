"""Small real files of every form that is read, made by the libraries that write such files: file name -> content."""

import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import kaldiio
import numpy as np
import sentencepiece
import soundfile
import torch
import yaml
from safetensors.torch import save

from espnet_bljust.data.text.arpa import write_arpa
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert import huggingface, stock_espnet
from espnet_bljust.network.joint import JointNetwork

Case = dict[str, bytes]
TEXTS = ["YES NO GO", "NO STOP", "GO GO YES", "HELP ME NOW PLEASE"]
TOKENS = ["<blank>", "<unk>", "<space>", *"AB", "<sos/eos>"]
TRUNK = {"conv_layers": [[4, 10, 5], [4, 4, 4]], "dim": 4, "num_layers": 1, "num_heads": 1, "ffn_dim": 4,
         "pos_kernel": 2, "pos_groups": 1}
SSL = {"groups": 1, "codes": 2, "latent_dim": 2, "final_dim": 2}
SETTINGS = {"trunk_conf": TRUNK, "ssl_conf": SSL, "token_list": TOKENS, "token_type": "char", "bpemodel": None}

TIMED = {
    ".eaf": b"<?xml version='1.0'?><ANNOTATION_DOCUMENT xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
            b"VERSION='3.0' xsi:noNamespaceSchemaLocation='x'><TIME_ORDER>"
            b"<TIME_SLOT TIME_SLOT_ID='ts1' TIME_VALUE='0'/><TIME_SLOT "
            b"TIME_SLOT_ID='ts2' TIME_VALUE='900'/></TIME_ORDER><TIER TIER_ID='t' LINGUISTIC_TYPE_REF='u'><ANNOTATION>"
            b"<ALIGNABLE_ANNOTATION ANNOTATION_ID='a1' TIME_SLOT_REF1='ts1' TIME_SLOT_REF2='ts2'><ANNOTATION_VALUE>YES"
            b"</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>",
    ".TextGrid": b'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1\n<exists>\n1\n"IntervalTier"\n'
                 b'"t"\n0\n1\n2\n0\n0.5\n"YES"\n0.5\n1\n""\n',
    ".srt": b"1\n00:00:00,000 --> 00:00:00,900\nYES\n", ".vtt": b"WEBVTT\n\n00:00.000 --> 00:00.900\n<v A>YES\n",
}  # fmt: skip


def samples(count: int = 800) -> np.ndarray:
    """(sample,) int16."""
    return np.rint(3000 * np.sin(np.arange(count) / 9)).astype(np.int16)


def audio() -> dict[str, list[Case]]:
    """One file each, named after its form."""
    forms = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", None),
             "aiff": ("AIFF", "PCM_16"), "au": ("AU", "ULAW"), "w64": ("W64", "FLOAT"), "caf": ("CAF", "ALAC_16")}
    found = {}
    for ending, (form, subtype) in forms.items():
        out = io.BytesIO()
        soundfile.write(out, samples(), 16000, format=form, subtype=subtype)
        found[ending] = [{f"a.{ending}": out.getvalue()}]
    fields = ("sample_count -i 400\nsample_rate -i 16000\nchannel_count -i 1\nsample_n_bytes -i 2\n"
              "sample_byte_format -s2 01\nsample_sig_bits -i 16\nsample_coding -s3 pcm\nend_head\n")
    head = f"NIST_1A\n   1024\n{fields}".encode().ljust(1024)
    found["sph"] = [{"a.sph": head + samples(400).astype("<i2").tobytes()}]
    return found


def archives_of_kaldi() -> list[Case]:
    """Audio and a matrix behind the id `a `."""
    matrix, sound = np.ones((3, 4), dtype=np.float32), (samples(), 16000)
    flac = {"write_function": "soundfile", "write_kwargs": {"format": "flac", "subtype": "PCM_16"}}
    ways = [(sound, {"write_function": "soundfile"}), (sound, flac), (matrix, {}), (matrix, {"compression_method": 2}),
            (matrix, {"write_function": "numpy"}), (matrix, {"write_function": "pickle"})]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (value, options) in enumerate(ways):
            path = Path(folder) / f"{number}.ark"
            kaldiio.save_ark(str(path), {"a": value}, **options)
            found.append({"a.ark": path.read_bytes()})
    return found


def data_dirs() -> list[Case]:
    wav = audio()["wav"][0]["a.wav"]
    plain = {"wav.scp": b"s1-a a.wav\ns1-b a.wav\ns2-c a.wav\n", "text": b"s1-a YES\ns1-b NO GO\ns2-c HELP\n",
             "utt2spk": b"s1-a s1\ns1-b s1\ns2-c s2\n", "spk2utt": b"s1 s1-a s1-b\ns2 s2-c\n", "a.wav": wav}
    cut = {**plain, "wav.scp": b"r a.wav\n", "utt2speed": b"s1-a 1.0\ns1-b 0.9\ns2-c 1.1\n",
           "segments": b"s1-a r 0.0 0.02\ns1-b r 0.01 -1\ns2-c r 0.02 0.05\n"}
    del cut["spk2utt"]
    return [plain, cut]


def tables() -> dict[str, list[Case]]:
    """Transcripts and lists of the corpora that have recipes."""
    client = "0123456789abcdef" * 8
    clips = (f"client_id\tpath\tsentence\tup_votes\tlocale\n{client}\ta.mp3\tJa, \"hoor\".\t2\tnl\n"
             f"{client}\tb\tNee\t0\tnl\n")
    stm = (b"T 1 T 0.50 2.25 <o,f0,male> it 's (2) a {NOISE} test (T-1)\n;; comment\n"
           b"T 1 X 3 4.5 <NA> <unk> no\n")
    return {
        "stm": [{"T.stm": stm, "TEDLIUM.152k.dic": b"it's IH T S\ntest(2) T EH S T\n"}],
        "timit": [{"a.phn": b"0 40 h#\n40 80 sh\n80 120 q\n120 160 iy\n", "a.txt": b"0 160 She had, sub-editor?\n"}],
        "librispeech": [{"19-198.trans.txt": b"19-198-0000 IT IS THE MEN'S\n19-198-0001 NO\n",
                         "SPEAKERS.TXT": b";ID | x\n19   | F | train-clean-100  | 25.19 | Kara\n",
                         "19-198-0000.flac": audio()["flac"][0]["a.flac"]}],
        "tsv": [{"validated.tsv": clips.encode(), "covost_v2.nl_en.tsv":
                 b"path\ttranslation\tsplit\na.mp3\tYes\ttrain\nb.mp3\tNo\tdev\n"}],
        "an4": [{"etc/an4_train.transcription": b"<s> YES NO </s> (an251-fash-b)\n",
                 "etc/an4_test.transcription": b"GO (cen1-fbbh-b)\n"}],
        "aishell": [{"trans.txt": "IC1\t\u53a8\u623f\nIC2 \u5bf9 \u697c\u5e02\n".encode(),
                     "wav.scp": b"IC1\twav/C1/IC1.wav\nIC2 wav/C2/IC2.wav\n"}],
        "db": [{"db.txt": b"# corpora\nexport A=/data/a   # mine\nB='/data/b c'\nC=\nD=\"$HOME/d\"\n"}],
        "own corpus": [
            {"t.csv": b"path,text,speaker,split\na.wav,\"Yes, no\",s1,train\na.wav,No,s2,dev\n", "a.wav": b"x"},
            {"s1/a-1.trans.txt": b"a-1-1 YES NO\na-1-2 GO\n", "s1/a-1-1.wav": b"x", "s1/a-1-2.flac": b"x",
             "b.txt": b"Hi\n", "b.wav": b"x"},
            {"wav.scp": b"a a.wav\nb b.ark:2\n", "utt2spk": b"a s\nb s\n", "text": b"a YES\n", "a.wav": b"x",
             "b.ark": b"b x"},
            *({f"a{ending}": content, "a.wav": b"x"} for ending, content in TIMED.items())],
    }  # fmt: skip


def models() -> dict[str, list[Case]]:
    """Language model, tokens, SentencePiece, and settings."""
    with tempfile.TemporaryDirectory() as folder:
        write_arpa(Path(folder) / "x.arpa", estimate([text.split() for text in TEXTS], 2))
        arpa = (Path(folder) / "x.arpa").read_bytes()
    pieces = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(TEXTS), model_writer=pieces, vocab_size=18,
                                             normalization_rule_name="identity", minloglevel=2)
    train = {"plan_conf": {"gamma_max": 1.0}, "trunk_conf": TRUNK, "ssl_conf": SSL, "batch_seconds": 30,
             "unlabelled_batch_seconds": 30.0, "steps_per_epoch": 100, "keep_updates": [], "optim": "adamw"}
    compare = {"name": "x", "seeds": [0, 1], "test_set": "test", "reference": "a", "arms": {"a": {"x": 1}, "b": None}}
    search = {"search": "beam", "beam_size": 5, "ngram_weight": 0.5, "nbest": 1}
    return {
        "arpa": [{"x.arpa": arpa}],
        "tokens": [{"tokens.txt": ("\n".join(TOKENS) + "\n").encode(), "symbols.txt": b"<noise>\n<laugh>\n"}],
        "bpe": [{"bpe.model": pieces.getvalue()}],
        "settings": [{"train.yaml": _yaml(train), "compare.yaml": _yaml(compare), "decode.yaml": _yaml(search)}],
    }


def weights() -> dict[str, list[Case]]:
    """One tiny network in the forms that others give it."""
    torch.manual_seed(0)
    network = JointNetwork(TrunkConfig.from_dict(TRUNK), SSLConfig.from_dict(SSL), len(TOKENS))
    state = network.state_dict()
    ours = _saved({f"network.{name}": value for name, value in state.items()})
    stock = stock_espnet.to_espnet(state).state
    espnet = {"token_list": TOKENS, "encoder_conf": stock_espnet.encoder_conf(TrunkConfig.from_dict(TRUNK))}
    trunk = {name.removeprefix("trunk."): value for name, value in state.items() if name.startswith("trunk.")}
    options = {"encoder_attention_heads": 1, "conv_feature_layers": "[(4, 10, 5)] + [(4, 4, 4)] * 1"}
    fair = _saved({"model": {"encoder.layers.0.self_attn.k_proj.weight": torch.zeros(4, 4)}, "cfg": {"model": options}})
    config = {**SETTINGS, "trunk": "wav2vec2"}
    meta = {"files": {"asr_model_file": "model.pth"}, "yaml_files": {"asr_train_config": "config.yaml"}}
    members = {"meta.yaml": _yaml(meta), "config.yaml": _yaml(config), "model.pth": _saved(dict(state))}
    return {
        "checkpoint": [{"average.pth": ours}],
        "starting point": [
            {"average.pth": ours, "train.yaml": _yaml(SETTINGS)},
            {"average.pth": _saved(stock), "config.yaml": _yaml(espnet)}, {"average.pth": fair},
            {"average.pth": _saved(trunk), "average.json": b'{"arguments": {"encoder_num_heads": 1}}'}],
        "safetensors": [{"model.safetensors": save(huggingface.to_huggingface(state, "ctc").state),
                         "config.json": json.dumps({"num_attention_heads": 1, "conv_dim": [4, 4]}).encode(),
                         "tokens.txt": b"<blank>\n<unk>\n", "preprocessor_config.json": b'{"do_normalize": true}'}],
        "huggingface": _huggingface(state),
        "pack": [{"x.zip": _zipped(members)}, {f"x/{name}": content for name, content in members.items()}],
        "experiment": [{"train.yaml": _yaml(SETTINGS), "average.pth": ours}],
    }  # fmt: skip


def _huggingface(state: dict) -> list[Case]:
    """Folders of Wav2Vec2ForCTC: with our token list, and with the vocabulary of transformers' tokenizer."""
    content = huggingface.config(TrunkConfig.from_dict(TRUNK), SSLConfig.from_dict(SSL), num_negatives=1,
                                 vocabulary=len(TOKENS), head="ctc")
    common = {"x/config.json": json.dumps(content).encode(),
              "x/model.safetensors": save(huggingface.to_huggingface(state, "ctc").state)}
    names = {"<pad>": 0, "<s>": 1, "</s>": 2, "|": 3, "A": 4, "<unk>": 5}
    kind = {"tokenizer_class": "Wav2Vec2CTCTokenizer", "word_delimiter_token": "|", "do_lower_case": True}
    return [
        {**common, "x/tokens.txt": "".join(f"{token}\n" for token in TOKENS).encode(),
         "x/tokenizer.json": b'{"model": {"type": "WordLevel"}}'},
        {**common, "x/vocab.json": json.dumps(names).encode(), "x/tokenizer_config.json": json.dumps(kind).encode(),
         "x/processor_config.json": b'{"feature_extractor": {"do_normalize": true}}'}]


def archives() -> list[Case]:
    members = {"a/b.txt": b"some words\n" * 9, "a/c.wav": audio()["wav"][0]["a.wav"], "d": b""}
    return [{"x.zip": _zipped(members, zipfile.ZIP_DEFLATED)}, {"x.tar": _tarred(members, "w")},
            {"x.tar.gz": _tarred(members, "w:gz")}]


def _yaml(content: dict) -> bytes:
    return yaml.safe_dump(content, sort_keys=False).encode()


def _saved(content: dict) -> bytes:
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def _zipped(members: Case, compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _tarred(members: Case, mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()
