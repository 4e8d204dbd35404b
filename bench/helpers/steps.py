"""One training step (forward, backward, fused AdamW) of this project and of each peer, as a function without arguments.

Every function here takes (size, task, workload) and returns ``step``; tasks: "ssl" pre-training, "ctc" fine-tuning.
``amp``: the forward pass under bfloat16 autocast.
"""

from collections.abc import Callable

import torch
from helpers.workload import VOCABULARY, Workload, read_size
from torch import nn

from espnet_bljust.network.joint import JointBatch, JointNetwork

Step = Callable[[], None]


def ours(size: str, task: str, load: Workload, device: str = "cpu", amp: bool = False, noise: bool = False) -> Step:
    """Also task "joint": the first half of the audio labelled, the rest in the pool, one pass.

    noise: the same Gumbel noise in every step and on every device.
    """
    trunk, ssl = read_size(size)
    network = JointNetwork(trunk, ssl, VOCABULARY).train().to(device)
    batch = joint_batch(task, load)
    if noise:
        rows = int(batch.pool_mask.sum())
        batch.noise = -torch.empty(rows, ssl.groups, ssl.codes).exponential_().log().to(device)
    batch.labelled, batch.pool, batch.pool_negatives = (
        [tensor.to(device) for tensor in part] for part in (batch.labelled, batch.pool, batch.pool_negatives))

    def loss() -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=amp):
            sums = network(batch)
        total = sums.ctc_sum if batch.labelled else 0.0
        return total + network.self_supervised_sum(sums) if batch.pool else total

    used = [*network.trunk.parameters(), *(network.ctc.parameters() if batch.labelled else ()),
            *(network.ssl_head.parameters() if batch.pool else ())]
    return training_step(loss, used, network)


def joint_batch(task: str, load: Workload) -> JointBatch:
    """The labelled utterances hold about half of the audio in a joint batch, all or none of it in the others."""
    count = {"ssl": 0, "ctc": len(load.waves)}.get(task)
    if count is None:
        half = sum(map(len, load.waves)) / 2
        count = sum(sum(map(len, load.waves[: index + 1])) <= half * 1.01 for index in range(len(load.waves)))
    batch = JointBatch(labelled=load.waves[:count], labels=load.labels[:count])
    if count < len(load.waves):
        batch.pool, batch.pool_negatives = load.waves[count:], load.negatives[count:]
        batch.pool_mask, batch.temperature = torch.cat(load.masks[count:]), 2.0
    return batch


def hugging_face(size: str, task: str, load: Workload, device: str = "cpu", amp: bool = False) -> Step:
    """transformers' Wav2Vec2ForPreTraining or Wav2Vec2ForCTC on the padded batch, with SDPA."""
    import transformers

    transformers.logging.set_verbosity_error()
    trunk, ssl = read_size(size)
    channels, kernels, strides = zip(*trunk.conv_layers, strict=True)
    config = transformers.Wav2Vec2Config(
        conv_dim=channels, conv_kernel=kernels, conv_stride=strides, num_conv_pos_embeddings=trunk.pos_kernel,
        num_conv_pos_embedding_groups=trunk.pos_groups, num_codevectors_per_group=ssl.codes,
        num_codevector_groups=ssl.groups,
        vocab_size=VOCABULARY, hidden_size=trunk.dim, num_hidden_layers=trunk.num_layers,
        num_attention_heads=trunk.num_heads, intermediate_size=trunk.ffn_dim, codevector_dim=ssl.latent_dim,
        feat_extract_norm=trunk.extractor_norm, do_stable_layer_norm=trunk.norm_first, conv_bias=trunk.conv_bias,
        proj_codevector_dim=ssl.final_dim, ctc_loss_reduction="sum", ctc_zero_infinity=True, pad_token_id=0,
        apply_spec_augment=task == "ssl", attn_implementation="sdpa",
        **dict.fromkeys(("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout",
                         "feat_quantizer_dropout", "final_dropout", "layerdrop", "mask_feature_prob"), 0.0))
    waves, attention_mask = (tensor.to(device) for tensor in load.padded)
    if task == "ctc":
        model = transformers.Wav2Vec2ForCTC(config).train()
        labels = nn.utils.rnn.pad_sequence(load.labels, batch_first=True, padding_value=-100)
        extra = {"labels": labels}
    else:
        model = transformers.Wav2Vec2ForPreTraining(config).train()
        mask, negatives = padded_targets(load)
        extra = {"mask_time_indices": mask, "sampled_negative_indices": negatives}
    model, extra = model.to(device), {name: tensor.to(device) for name, tensor in extra.items()}

    def loss() -> torch.Tensor:  # a clone: the model sets requires_grad on its input
        with torch.autocast(device, torch.bfloat16, enabled=amp):
            return model(waves.clone(), attention_mask=attention_mask, **extra).loss

    return training_step(loss, list(model.parameters()), model)


def padded_targets(load: Workload) -> tuple[torch.Tensor, torch.Tensor]:
    """(utterance, frame) masks, and (utterance, frame, negative) indices into the flattened padded batch."""
    mask = nn.utils.rnn.pad_sequence(load.masks, batch_first=True)
    negatives = torch.zeros(*mask.shape, load.negatives[0].shape[1], dtype=torch.long)
    for row, (masked, drawn) in enumerate(zip(load.masks, load.negatives, strict=True)):
        where = masked.nonzero()[:, 0]
        negatives[row, where] = where[drawn]
        negatives[row] += row * mask.shape[1]
    return mask, negatives


def s3prl(size: str, task: str, load: Workload) -> Step:
    """fairseq's model as s3prl ports it. It draws masks and negatives itself, and trims every utterance to the fewest
    masked frames of the batch: on mixed lengths its loss covers far fewer frames than the others'."""
    from s3prl.upstream.wav2vec2.wav2vec2_model import Wav2Vec2Config, Wav2Vec2Model

    trunk, ssl = read_size(size)
    model = Wav2Vec2Model(Wav2Vec2Config(
        extractor_mode="layer_norm" if trunk.extractor_norm == "layer" else "default", conv_bias=trunk.conv_bias,
        encoder_layers=trunk.num_layers, encoder_embed_dim=trunk.dim, encoder_ffn_embed_dim=trunk.ffn_dim,
        encoder_attention_heads=trunk.num_heads, layer_norm_first=trunk.norm_first, final_dim=ssl.final_dim,
        latent_dim=ssl.latent_dim, conv_feature_layers=str([list(layer) for layer in trunk.conv_layers]),
        conv_pos=trunk.pos_kernel, conv_pos_groups=trunk.pos_groups, latent_vars=ssl.codes, latent_groups=ssl.groups,
        quantize_targets=True, mask_prob=0.65, mask_length=10, feature_grad_mult=1.0,
        **dict.fromkeys(("dropout", "attention_dropout", "activation_dropout", "encoder_layerdrop", "dropout_input",
                         "dropout_features"), 0.0))).train()
    waves, attention_mask = load.padded
    padding = attention_mask == 0
    if task == "ssl":
        return training_step(lambda: s3prl_pretraining_loss(model, waves, padding), list(model.parameters()), model)
    model.remove_pretraining_modules()
    head = nn.Linear(trunk.dim, VOCABULARY)
    labels, sizes = torch.cat(load.labels), torch.tensor([len(label) for label in load.labels])
    frames = torch.tensor([len(mask) for mask in load.masks])

    def loss() -> torch.Tensor:
        hidden = model(waves, padding_mask=padding, mask=False, features_only=True)["x"]
        log_probability = head(hidden).log_softmax(-1).transpose(0, 1)
        return nn.functional.ctc_loss(log_probability, labels, frames, sizes, reduction="sum", zero_infinity=True)

    return training_step(loss, [*model.parameters(), *head.parameters()], model)


def s3prl_pretraining_loss(model: nn.Module, waves: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    """As fairseq's criterion: cross entropy + 0.1 diversity + 10 L2, times the number of targets."""
    out = model(waves, padding_mask=padding, mask=True)
    target = model.get_targets(None, out)
    contrastive = nn.functional.cross_entropy(model.get_logits(out).float(), target, reduction="sum")
    diversity = (out["num_vars"] - out["prob_perplexity"]) / out["num_vars"]
    return contrastive + len(target) * (0.1 * diversity + 10 * out["features_pen"])


def training_step(loss: Callable[[], torch.Tensor], parameters: list[nn.Parameter], model: nn.Module) -> Step:
    """Forward, backward, AdamW in its fused form, for everybody."""
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0.01, fused=True)

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step.model, step.loss, step.optimizer = model, loss, optimizer
    return step


BUILDERS = {"ours": ours, "Hugging Face": hugging_face, "s3prl": s3prl}
