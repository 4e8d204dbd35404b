#!/usr/bin/env bash
# The pipeline of every recipe, from a corpus to a score table. A recipe's run.sh calls it in its own folder.
set -euo pipefail

## Which stages
stage=1                     # first stage to run
stop_stage=10000            # last stage to run
skip_stages=""              # stages to leave out, as "2 4-6"
skip_data_prep=false        # leave out stages 1 to 6
skip_train=false            # leave out stages 7 to 11
skip_eval=false             # leave out stages 12 and 13
skip_packing=true           # leave out stage 14
skip_upload_hf=true         # leave out stage 15
force=false                 # run the stages that are asked for even where they are up to date; stage 8 begins training anew
dry_run=false               # say what each stage would do, with time and disk; change nothing
debug=false                 # show the traceback of an error in the input
## Machine
ngpu=1                      # GPUs for training, of each node; 0, or none found, trains on the CPU
num_nodes=1                 # machines for training, at least 1; several need cmd_backend=slurm (docs/cluster.md)
nj=32                       # parallel jobs of data preparation, at least 1; on this machine no more than cores
inference_nj=32             # parallel jobs of decoding, at least 1; on this machine no more than cores
gpu_inference=false         # decode on GPUs
gpu=""                      # the GPU that trains, where it is not here, for stage 7: its GB (24), or a name in conf/rates.yaml
max_days=14                 # stage 7 stops where training would take longer, in days; 0: however long
num_workers=1               # processes that read audio for training
dumpdir=dump                # folder of the formatted audio, not empty
expdir=exp                  # folder of the experiments, not empty
python=python3              # Python of the stages
## Corpus
train_set=""                # labelled speech to train on, data/<name> (required)
unlabelled_sets=""          # speech for the self-supervised part besides, as "a b"
unlabelled_valid_set=""     # speech that the self-supervised loss is measured on in training; the dev set when empty
valid_set=""                # dev set: chooses the models (required)
test_sets=""                # sets to score, as "a b" (required)
local_data_opts=""          # words for local/data.py, as "--a 1 --b 2"
lang=noinfo                 # language, in the name of the token list
eval_valid_set=false        # decode and score the dev set too
speed_perturb_factors=""    # copies of training and unlabelled sets at other speeds, as "0.9 1.0 1.1"
audio_format=flac           # form of the audio in dumpdir (flac|wav|flac.ark|wav.ark)
fs=16k                      # sampling rate, Hz
mixdown=false               # average the channels of audio that has several
allow_pipes=false           # run entries of wav.scp that are commands (`... |`): only for data whose writer you trust
skip_broken=false           # go on without audio that cannot be read, and with utterances too short for their transcripts in the pool; list both
max_missing="0.1 0.02"      # what a recording may lack of what its header promises, at most: seconds, and a share
min_wav_duration=0.1        # shorter utterances go, seconds
max_wav_duration=20.0       # longer utterances go, seconds
labels=all                  # labelled part of train_set: all, a share (0.3), an amount (1h, 10min) or a file of utterance ids
labels_seed=""              # chooses that part, at most 4294967295; seed when empty
ssl_on_labelled=true        # labelled speech serves the self-supervised part too
## Tokens
token_type=bpe              # unit of the transcripts (char|bpe|word|phn)
nbpe=30                     # length of the token list with bpe
bpemode=unigram             # SentencePiece's model (unigram|bpe|char|word)
bpe_input_sentence_size=100000000  # sentences SentencePiece learns from
bpe_nlsyms=""               # symbols that stay whole in bpe, with commas between
bpe_char_cover=1.0          # share of characters that bpe covers
nlsyms_txt=none             # file of symbols that are no speech, one a line
oov="<unk>"                 # token of what is not in the list
use_ngram=true              # make an n-gram language model in stage 5, and decode with it beside greedy search
ngram_num=3                 # its order, 2 to 6
ngram_unit=auto             # what it counts (auto|token|word); auto: words where fewer than 2 % of the dev set's are not in its text
lm_train_text=""            # its text in place of the labelled one, files of "id words" lines, as "a b"
## Training
task=recognition            # what the supervised head says: words, or one word a recording, its class (recognition|classification)
method=bljust               # how both losses train the trunk (bljust|ptft|supervised|weighted_sum|alternating)
model_size=base             # conf/size/<name>.yaml (tiny|small|medium|base|large|cnn_rnn|cnn_rnn_gru|cnn_rnn_tiny|conformer|conformer_small|conformer_tiny)
init_from=""                # weights to start from: a .pth or .pt file, or a Hugging Face directory (docs/weights.md)
asr_config=conf/train_bljust.yaml  # training configuration
asr_args=""                 # keys to change in it, as "plan_conf.gamma_max=3 grad_clip=1"
save_interval_minutes=""    # between checkpoints, beside those of evaluations; 0: no others; 30 where the configuration says nothing
asr_tag=""                  # name of the experiment; when empty made from what differs: configuration, method, size, ...
seed=0                      # of everything random, at most 4294967295
nbest_average=5             # checkpoints to average, at least 1
average_mode=best           # the best on dev, or the last (best|last)
## Decoding and publishing
inference_asr_model=average.pth  # weights to decode with
inference_config=""         # how to search besides greedily; conf/decode_beam.yaml with a language model when empty
inference_ngram=""          # language model in ARPA form to decode with; that of stage 5 when empty
tune_search=true            # choose weights and beam of the language model's search on the dev set, from tune in inference_config
inference_args=""           # more options of the decoder, as "--beam_size 50 --nbest 5"
decode_name=""              # folder decode_<name> of the experiment; made from configuration, model and options when empty
fold_tokens=none            # file of "token counted_as" lines for the token error rate: phones that count as one
fold_marks=false            # score characters a second time without accents and tone marks
write_alignments=false      # write words with times and confidences, decode_<name>/<set>/ctm
hf_repo=""                  # user/name on Hugging Face, for stage 15
hf_license=""               # licence of the published model, by the hub's names, as cc-by-4.0; stages 14 and 15
hf_datasets=""              # corpora on the model's card, as "a b"; the folder's name below egs2 when empty
hf_dry_run=true             # stage 15 only lists the files that it would upload

here=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/parse_options.sh
. "$here/parse_options.sh" "$here/bljust.sh" "$@"
# shellcheck source=local/run_stage.sh
. "$here/run_stage.sh"
# shellcheck source=local/names.sh
. "$here/names.sh"
# shellcheck source=local/stages.sh
. "$here/stages.sh"
# shellcheck disable=SC1091  # the recipe's own
. ./path.sh
# shellcheck disable=SC1091  # the recipe's own
. ./cmd.sh
name_things

run_stage 1  data         # corpus            -> data/<set>: wav.scp, text, utt2spk
run_stage 2  perturb      # data/<train_set>  -> data/<train_set>_sp, other speeds
run_stage 3  format       # data              -> dump/raw/org, one audio form, segments cut
run_stage 4  filter       # dump/raw/org      -> dump/raw: filtered sets, labelled part, pool
run_stage 5  tokens       # labelled text     -> data/<lang>_token_list
run_stage 6  report       # dump/raw          -> data/report/<train_set>: numbers and figures
run_stage 7  stats        # dump/raw, conf    -> exp/<tag>: train.yaml, plan.json, stats.md
run_stage 8  exploration  # self-supervised   -> exp/<tag>/checkpoint.pth
run_stage 9  joint        # bilevel           -> exp/<tag>/checkpoint.pth
run_stage 10 final        # supervised        -> exp/<tag>/<n>epoch.pth
run_stage 11 average      # checkpoints       -> exp/<tag>/average.pth
for decoding in "${decodings[@]}"; do search_by "$decoding"
run_stage 12 decode       # dump/raw/<set>    -> exp/<tag>/decode_<name>/<set>/text
done
run_stage 13 score        # hypotheses        -> exp/<tag>/RESULTS.md, figures
run_stage 14 pack         # experiment        -> exp/<tag>/<tag>.zip, pack/, huggingface/
run_stage 15 upload       # pack              -> Hugging Face
