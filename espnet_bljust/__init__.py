"""BL-JUST speech recognition on ESPnet2; the rooms and their order are in CONTRIBUTING.md.

    from espnet_bljust import Recogniser        # docs/python.md; brings torch, which the package itself does not
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from espnet_bljust.decoding.recogniser import Recogniser

__all__ = ["Recogniser", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What is imported when it is first asked for."""
    if name != "Recogniser":
        raise AttributeError(f"module 'espnet_bljust' has no attribute {name!r}")
    from espnet_bljust.decoding.recogniser import Recogniser

    return Recogniser
