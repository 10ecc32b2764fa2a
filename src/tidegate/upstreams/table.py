"""Every kind of upstream that a configuration can name."""

from collections.abc import Callable

from tidegate.core.ports import Upstream
from tidegate.upstreams.anthropic import Anthropic

UPSTREAMS: dict[str, Callable[..., Upstream]] = {
    "anthropic": Anthropic,
}
"""Kind -> what makes it; keyword arguments as the class documents them."""
