"""Our network's weights in other people's wav2vec 2.0, and what each makes of the same audio, masks and noise.

Peers: `transformers` (Hugging Face) and `s3prl` (fairseq's model in the package espnet-s3prl). What they compute is
told packed, utterances one behind the other with the padding cut away, as ours does.
"""

import contextlib
import re
from typing import NamedTuple
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_bljust.network.joint import JointBatch

NUM_NEGATIVES = 5  # of a frame
CODE_TEMPERATURE = 1.7
WEIGHT_OF_DIVERSITY, WEIGHT_OF_PENALTY = 0.1, 10.0  # fairseq's `loss_weights` for base


class Draw(NamedTuple):
    """What is random in a step, for each utterance."""

    masks: list[Tensor]  # (frame,) bool
    negatives: list[Tensor]  # (masked, negative) indices into the masked frames
    noise: list[Tensor]  # (masked, group, code)


class Step(NamedTuple):
    """What is compared; ``total`` is what backward() is called on."""

    hidden: list[Tensor]  # (row, dim) behind every layer and behind the last norm
    targets: Tensor  # (masked, final_dim) quantized and projected
    contrastive: Tensor  # () nats, summed over masked frames
    diversity: Tensor  # () 0 .. 1
    penalty: Tensor  # () mean square of the extractor's output
    total: Tensor  # ()


def our_step(network, waves, draw):
    """One call of JointNetwork; what it does not return is computed beside it."""
    mask, noise = torch.cat(draw.masks), torch.cat(draw.noise)
    sums = network(JointBatch(pool=waves, pool_mask=mask, pool_negatives=draw.negatives, noise=noise,
                              temperature=CODE_TEMPERATURE))
    with torch.no_grad(), outputs_of(*network.trunk.encoder.transformer.layers) as hidden:
        features = network.trunk.extract(waves)
        hidden.append(network.trunk.encode(features, mask=mask))
        quantized = network.ssl_head.quantizer(features.rows[mask], CODE_TEMPERATURE, noise)
        targets = network.ssl_head.project_quantized(quantized.rows)
    return Step(hidden, targets, sums.ssl.contrastive, sums.ssl.diversity, sums.penalty_sum / sums.pool_rows,
                network.self_supervised_sum(sums))


class Transformers:
    """Wav2Vec2For<kind> with our weights, in train mode and without dropout unless ``changes`` say otherwise."""

    equal_counts = False
    NAMES = (("^trunk", "wav2vec2"), ("encoder.feature_projection", "feature_projection"),
             ("encoder.transformer", "encoder"), ("mask_embedding", "masked_spec_embed"),
             ("^ssl_head.quantizer", "quantizer"), ("^ssl_head.project_hidden", "project_hid"),
             ("^ssl_head.project_quantized", "project_q"), ("^ctc.ctc_lo", "lm_head"))

    def __init__(self, network, kind="PreTraining", **changes):
        import transformers

        trunk, ssl = network.trunk.config, network.ssl_config
        channels, kernels, strides = zip(*trunk.conv_layers, strict=True)
        no_dropout = dict.fromkeys(("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout",
                                    "feat_quantizer_dropout", "final_dropout", "layerdrop"), 0.0)
        shape = {
            "vocab_size": network.ctc.ctc_lo.out_features, "hidden_size": trunk.dim,
            "num_hidden_layers": trunk.num_layers, "num_attention_heads": trunk.num_heads,
            "intermediate_size": trunk.ffn_dim, "conv_dim": channels, "conv_kernel": kernels, "conv_stride": strides,
            "conv_bias": trunk.conv_bias, "feat_extract_norm": trunk.extractor_norm,
            "num_conv_pos_embeddings": trunk.pos_kernel, "num_conv_pos_embedding_groups": trunk.pos_groups,
            "do_stable_layer_norm": trunk.norm_first, "num_codevectors_per_group": ssl.codes,
            "codevector_dim": ssl.latent_dim, "proj_codevector_dim": ssl.final_dim,
            "num_negatives": NUM_NEGATIVES, "apply_spec_augment": kind == "PreTraining",
        }
        config = transformers.Wav2Vec2Config(**{**shape, **no_dropout, **changes})
        with torch.device("meta"):
            self.model = getattr(transformers, f"Wav2Vec2For{kind}")(config).train()
        share_weights(self, network)

    def step(self, waves, draw):
        masks, noise = padded(draw.masks), padded([spread(*pair) for pair in zip(draw.noise, draw.masks, strict=True)])
        negatives = padded([spread(mask.nonzero()[:, 0][negative], mask)
                            for negative, mask in zip(draw.negatives, draw.masks, strict=True)])
        negatives += masks.shape[1] * torch.arange(len(waves))[:, None, None]  # they count through the padded batch
        self.model.set_gumbel_temperature(CODE_TEMPERATURE)
        trunk = self.model.wav2vec2
        with exact(waves), gumbel_noise(noise), outputs_of(*trunk.encoder.layers, trunk.encoder) as hidden, \
                outputs_of(trunk.feature_extractor) as features:
            out = self.model(padded(waves), attention_mask=padded([torch.ones_like(wave).long() for wave in waves]),
                             mask_time_indices=masks, sampled_negative_indices=negatives)
        hidden[-1] = hidden[-1].last_hidden_state
        penalty = packed(features[0].transpose(1, 2), draw.masks).square().mean()
        return Step([packed(one, draw.masks) for one in hidden], out.projected_quantized_states[masks],
                    out.contrastive_loss, out.diversity_loss / masks.sum(), penalty,
                    out.loss + masks.sum() * WEIGHT_OF_PENALTY * penalty)


    def logits_and_loss(self, waves, labels):
        """Logits (row, token), packed, and Wav2Vec2ForCTC's loss; labels of unequal lengths are padded."""
        attention = padded([torch.ones_like(wave).long() for wave in waves])
        frames = self.model._get_feat_extract_output_lengths(attention.sum(1)).tolist()
        with exact(waves):
            out = self.model(padded(waves), attention_mask=attention,
                             labels=pad_sequence(labels, batch_first=True, padding_value=-100))
        return torch.cat([one[:length] for one, length in zip(out.logits, frames, strict=True)]), out.loss


class S3prl:
    """fairseq's Wav2Vec2Model with our weights; all utterances of a step have equally many masked frames."""

    equal_counts = True
    NAMES = (("^trunk.", ""), ("encoder.feature_projection.layer_norm", "layer_norm"),
             ("encoder.feature_projection.projection", "post_extract_proj"), ("encoder.transformer", "encoder"),
             ("mask_embedding", "mask_emb"),
             ("pos_conv_embed.conv.parametrizations.weight.original0", "pos_conv.0.weight_g"),
             ("pos_conv_embed.conv.parametrizations.weight.original1", "pos_conv.0.weight_v"),
             ("pos_conv_embed.conv", "pos_conv.0"), (r"(conv_layers.\d+).conv", r"\1.0"),
             (r"(encoder.layers.\d+).layer_norm", r"\1.self_attn_layer_norm"), (".attention.", ".self_attn."),
             ("feed_forward.intermediate_dense", "fc1"), ("feed_forward.output_dense", "fc2"),
             ("^ssl_head.quantizer.codevectors", "quantizer.vars"), ("^ssl_head.quantizer", "quantizer"),
             ("^ssl_head.project_hidden", "final_proj"), ("^ssl_head.project_quantized", "project_q"))

    def __init__(self, network, **changes):
        from s3prl.upstream.wav2vec2.wav2vec2_model import Wav2Vec2Config, Wav2Vec2Model

        trunk, ssl = network.trunk.config, network.ssl_config
        group = trunk.extractor_norm == "group"
        self.NAMES = (*self.NAMES, (r"(conv_layers.\d+).layer_norm", r"\1.2" if group else r"\1.2.1"))
        no_dropout = dict.fromkeys(("dropout", "attention_dropout", "activation_dropout", "encoder_layerdrop",
                                    "dropout_input", "dropout_features"), 0.0)
        shape = {
            "extractor_mode": "default" if group else "layer_norm", "encoder_layers": trunk.num_layers,
            "encoder_embed_dim": trunk.dim, "encoder_ffn_embed_dim": trunk.ffn_dim,
            "encoder_attention_heads": trunk.num_heads, "layer_norm_first": trunk.norm_first,
            "conv_feature_layers": str(list(trunk.conv_layers)), "conv_bias": trunk.conv_bias,
            "conv_pos": trunk.pos_kernel, "conv_pos_groups": trunk.pos_groups, "final_dim": ssl.final_dim,
            "latent_dim": ssl.latent_dim, "latent_vars": ssl.codes, "latent_groups": ssl.groups,
            "logit_temp": ssl.temperature, "quantize_targets": True, "latent_temp": (CODE_TEMPERATURE,) * 3,
        }
        with torch.device("meta"):
            self.model = Wav2Vec2Model(Wav2Vec2Config(**{**shape, **no_dropout, **changes})).train()
        share_weights(self, network)

    def step(self, waves, draw, epsilon=False):
        """``epsilon``: leave 1e-7 in the logarithm of the perplexities."""
        counts = [int(mask.sum()) for mask in draw.masks]
        assert len(set(counts)) == 1, counts
        rows = torch.cat([negative + index * counts[0] for index, negative in enumerate(draw.negatives)])

        def negatives(targets, *_, **__):  # (utterance, masked, dim) -> (negative, utterance, masked, dim)
            drawn = targets.flatten(0, 1)[rows]  # (utterance * masked, negative, dim)
            return drawn.unflatten(0, targets.shape[:2]).permute(2, 0, 1, 3), None

        model, padding = self.model, padded([torch.ones_like(wave).bool() for wave in waves]).logical_not()
        with exact(waves), gumbel_noise(torch.cat(draw.noise)), no_epsilon(not epsilon), \
                mock.patch.object(model, "sample_negatives", negatives), outputs_of(model.project_q) as targets, \
                outputs_of(*model.encoder.layers) as hidden, outputs_of(model.encoder) as last, \
                outputs_of(model.feature_extractor) as features:
            out = model(padded(waves), padding_mask=padding, mask_indices=padded(draw.masks))
            logits = model.get_logits(out)
            diversity, _ = model.get_extra_losses(out)
        contrastive = F.cross_entropy(logits, model.get_targets(None, out), reduction="sum")
        hidden = [packed(one.transpose(0, 1), draw.masks) for one in hidden] + [packed(last[0], draw.masks)]
        penalty = packed(features[0].transpose(1, 2), draw.masks).square().mean()
        total = contrastive + sum(counts) * (WEIGHT_OF_DIVERSITY * diversity + WEIGHT_OF_PENALTY * penalty)
        return Step(hidden, targets[0].flatten(0, 1), contrastive, diversity, penalty, total)


def one_by_one(step, waves, draw):
    """An utterance a step, added up: no padding in the peer. Diversity is of a whole batch, so it is left out."""
    steps = [step([wave], Draw(*([part] for part in parts))) for wave, *parts in zip(waves, *draw, strict=True)]
    contrastive, frames = sum(one.contrastive for one in steps), torch.tensor([len(mask) for mask in draw.masks])
    penalty = (torch.stack([one.penalty for one in steps]) * frames).sum() / frames.sum()
    hidden = [torch.cat(layer) for layer in zip(*(one.hidden for one in steps), strict=True)]
    return without_diversity(Step(hidden, torch.cat([one.targets for one in steps]), contrastive, None, penalty, None))


def without_diversity(step):
    penalty = len(step.targets) * WEIGHT_OF_PENALTY * step.penalty
    return step._replace(diversity=None, total=step.contrastive + penalty)


def name_in(peer, name):
    """The peer's name of one of our parameters."""
    for pattern, theirs in peer.NAMES:
        name = re.sub(pattern, theirs, name)
    return name


def share_weights(peer, network):
    """The peer's parameters become our tensors: every one of theirs is ours, and only heads of ours have no place."""
    state = {name_in(peer, name): value for name, value in network.state_dict().items()}
    wanted = peer.model.state_dict()
    assert wanted.keys() <= state.keys(), wanted.keys() - state.keys()
    unused = {name for name in network.state_dict() if name_in(peer, name) not in wanted}
    assert all(name.startswith(("ctc.", "ssl_head.", "trunk.mask_embedding")) for name in unused), unused
    peer.model.load_state_dict({name: state[name] for name in wanted}, assign=True)


@torch.no_grad()
def negatives_of_other_codes(network, waves, draw):
    """Negatives of the positive's own code are kept by one and left out by another: test_peer_differences.py."""
    mask, noise, count = torch.cat(draw.masks), torch.cat(draw.noise), NUM_NEGATIVES
    rows = F.dropout(network.trunk.extract(waves).rows[mask], network.feature_dropout, network.training)
    codes = network.ssl_head.quantizer(rows, CODE_TEMPERATURE, noise).codes.split([len(one) for one in draw.noise])
    generator = torch.Generator().manual_seed(3)
    return [(one[:, None] != one).any(-1).double().multinomial(count, replacement=True, generator=generator)
            for one in codes]


def padded(utterances):
    return pad_sequence(utterances, batch_first=True)


def packed(batch, masks):
    """(utterance, frame, dim) with padding -> (row, dim) without."""
    return torch.cat([frames[: len(mask)] for frames, mask in zip(batch, masks, strict=True)])


def spread(rows, mask):
    """(masked, ...) -> (frame, ...): zeros where nothing is masked."""
    out = rows.new_zeros(len(mask), *rows.shape[1:])
    out[mask] = rows
    return out


@contextlib.contextmanager
def outputs_of(*modules):
    """The list fills with what the modules return, the first part of a tuple, in the order of their calls."""
    seen = []
    hooks = [module.register_forward_hook(lambda *call: seen.append(call[2][0] if type(call[2]) is tuple else call[2]))
             for module in modules]
    yield seen
    for hook in hooks:
        hook.remove()


def exact(waves):
    """Peers go down to float32 within norms and losses, which would round a comparison in float64."""
    patches = contextlib.ExitStack()
    if waves[0].dtype == torch.float64:
        patches.enter_context(mock.patch.object(torch.Tensor, "float", torch.Tensor.double))
        patches.enter_context(mock.patch.object(F, "log_softmax", lambda x, dim, dtype=None: x.log_softmax(dim)))
    return patches


def gumbel_noise(noise):
    """The straight-through Gumbel softmax with the given noise, (..., group, code), for what peers call."""

    def gumbel_softmax(logits, tau, hard):
        soft = ((logits + noise.reshape(logits.shape).to(logits)) / tau).softmax(-1)
        return torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0) - soft.detach() + soft

    return mock.patch.object(F, "gumbel_softmax", gumbel_softmax)


def no_epsilon(wanted):
    """s3prl takes log(p + 1e-7) in its perplexities; this gives log(p), and 0 · log(0) = 0."""
    if not wanted:
        return contextlib.nullcontext()
    return mock.patch.object(torch, "log", lambda p: (p - 1e-7).clamp_min(torch.finfo(p.dtype).tiny).log())
