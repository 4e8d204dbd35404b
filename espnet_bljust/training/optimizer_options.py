"""What optim_conf may hold: the optimizer's own arguments by name and type, tried on one parameter."""

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import torch

# ESPnet's, but for L-BFGS, which wants a step of its own
OPTIMIZERS = {kind.__name__.lower(): kind for kind in (
    torch.optim.Adadelta, torch.optim.Adagrad, torch.optim.Adam, torch.optim.Adamax, torch.optim.AdamW,
    torch.optim.ASGD, torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Rprop, torch.optim.SGD)}
NOT_OURS = ("params", "lr", "maximize", "differentiable", "capturable")  # no training here climbs or differs a step


def check_options(optim: str, options: Mapping[str, Any]) -> None:
    """ValueError for a name that ``optim`` does not have, and for a value that it cannot step with."""
    if "lr" in options:
        raise ValueError("optim_conf has lr, which training does not read: rates go by role and phase, "
                         "plan_conf.joint_rates, say")
    known = {name: each.default for name, each in inspect.signature(OPTIMIZERS[optim]).parameters.items()
             if name not in NOT_OURS}
    for name, value in options.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1, 0)[0]
            raise ValueError(f"optim_conf has {name}, which {optim} does not take. Remove it, or did you mean {near}?")
        if problem := _misfit(value, known[name]):
            raise ValueError(f"optim_conf.{name} is {value!r}, not {problem}")
    try:
        _step(optim, options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ValueError(f"optim_conf does not go with optim {optim} ({error})") from None


def _misfit(value: Any, default: Any) -> str:
    """What ``value`` should be, by the argument's default; empty where it is that."""
    if isinstance(default, tuple):
        fits = isinstance(value, list | tuple) and len(value) == len(default) and all(map(_is_number, value))
        return "" if fits else f"a list of {len(default)} numbers"
    if default is None or isinstance(default, bool):
        return "" if isinstance(value, bool) or value is default else "true or false"
    return "" if _is_number(value) else "a number"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _step(optim: str, options: Mapping[str, Any]) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)
    OPTIMIZERS[optim]([parameter], lr=1.0, **options).step()
