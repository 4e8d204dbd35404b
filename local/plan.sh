#!/usr/bin/env bash
# What a training costs on 1 to 512 GPUs: steps, GPU hours, time, memory, disk, traffic. Trains and writes nothing.
# In a recipe's folder: ../../../local/plan.sh [--model_size base] [--labelled_hours 100 --pool_hours 960] [--name value ...]
set -euo pipefail

## What is trained
asr_config=conf/train_bljust.yaml  # training configuration
model_size=base             # conf/size/<name>.yaml
method=bljust               # how both losses train the trunk (bljust|ptft|supervised|weighted_sum|alternating)
task=recognition            # what the supervised head says (recognition|classification)
asr_args=""                 # keys to change in the configuration, as "accum_grad=2"
num_tokens=30               # length of the token list, at least 1
exp_dir=""                  # an experiment whose stage 7 is done: all of the above and the hours come from there
labelled_hours=""           # hours of labelled audio, where no exp_dir tells
pool_hours=""               # hours of the self-supervised pool, the labelled ones that are in it too
valid_hours=""              # hours of the dev set, for the time of evaluations
## On what
gpus="1 2 4 8 16 32 64 128 256 512"  # numbers of GPUs, as "1 8 64"
gpu=h100                    # kind of GPU, a name in the file of rates (cpu: processes of one core each)
rate=""                     # your rate instead: hours of audio an hour and GPU, as 400, or steps a second on one, as 1.5/s
utilisation=0.1             # share of a GPU's peak that is assumed where no rate was measured
bandwidth=10.0              # GB a second that a GPU sends in the all-reduce, over the slowest link; 10 is 80 Gbit/s
overlap=0.5                 # share of the backward pass that hides the all-reduce; assumed
least_seconds=20.0          # warn below so much audio a GPU and micro-batch; one long utterance
measure=false               # measure this machine first, and write its rate into rates.yaml of this folder

here=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/parse_options.sh
. "$here/parse_options.sh" "$here/plan.sh" "$@"
# shellcheck source=local/asr_args.sh
. "$here/asr_args.sh"
as_pairs
# shellcheck disable=SC1091  # the recipe's own
. ./path.sh

size_config=conf/size/$model_size.yaml
[ -e "$size_config" ] || size_config=$here/../$size_config
python3 -m espnet_bljust.bin.cost --asr_config "$asr_config" --model_size "$model_size" --size_config "$size_config" \
    --method "$method" --task "$task" --asr_args="$asr_args" --num_tokens "$num_tokens" --exp_dir "$exp_dir" \
    --labelled_hours "$labelled_hours" --pool_hours "$pool_hours" --valid_hours "$valid_hours" --gpus "$gpus" \
    --gpu "$gpu" --rate "$rate" --utilisation "$utilisation" --bandwidth "$bandwidth" --overlap "$overlap" \
    --least_seconds "$least_seconds" --measure "$measure" --rates "$here/../conf/rates.yaml"
