"""The price list that settings make: the package's own under the operator's."""

from collections.abc import Mapping
from importlib.resources import files

from msgspec.structs import asdict

from tidegate.config.settings import PriceOverride
from tidegate.policy.prices import Override, PriceBook


def price_book(own: Mapping[str, PriceOverride]) -> PriceBook:
    """The prices of all models, with the operator's over them."""
    data = (files("tidegate.policy") / "prices.json").read_bytes()
    return PriceBook.parse(data, {model: Override(**asdict(price)) for model, price in own.items()})
