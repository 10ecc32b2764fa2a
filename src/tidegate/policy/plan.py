"""The plan of a call: what its route, its price and its bound say before anything is held."""

from collections.abc import Mapping

from msgspec import Struct

from tidegate.model.call import Bound, Caller, Reading
from tidegate.model.refusal import Refusal
from tidegate.policy import bounds
from tidegate.policy.learning import DEFAULT, Ratio
from tidegate.policy.prices import Price, PriceBook
from tidegate.policy.routes import apply_route
from tidegate.policy.rules import BoundMode, Route, Rules


class Plan(Struct, frozen=True, gc=False, kw_only=True):
    """How a Messages call will be sent and what is held for it."""

    reading: Reading
    """With the max_tokens that goes upstream; the very one that was planned for when nothing changes."""
    price: Price
    bound: Bound
    countable: bool
    """True when `count_tokens` may lower the bound."""
    on_cut: str
    learns: bool
    """True when the outcome teaches `estimated`: text only."""


def plan(
    rules: Rules,
    book: PriceBook,
    caller: Caller,
    reading: Reading,
    betas: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    ratios: Mapping[str, Ratio] = {},
    *,
    own_model: bool = True,
) -> Plan | Refusal:
    """The plan of a call, or why it must not be sent.

    Args:
        rules: what the operator decided.
        book: prices.
        caller: who asks.
        reading: what is asked.
        betas: names of beta features without a bound.
        models: the models that the app key allows; empty: all.
        ratios: what was learned of each model's tokens per byte, for `estimated`.
        own_model: False when the operator's fallback chose the model: the route's list is for callers.
    """
    if models and not _allows(book, models, reading.model):
        return Refusal(reason="not_allowed", scope="model")
    if rules.require_user and caller.user_id == ANONYMOUS:
        return Refusal(reason="identity_required")
    route = rules.route(caller.route)
    if own_model and route.models and not _allows(book, route.models, reading.model):
        return Refusal(reason="not_allowed", scope="route", detail="This route does not allow that model.")
    routed = reading if route.max_tokens is None else apply_route(reading, route)
    if not isinstance(routed, Reading):
        return routed
    price = book.find(routed.model) or (book.dearest if rules.unknown_model == "dearest" else None)
    if price is None:
        return Refusal(reason="unknown_model")
    mode = route.bound or rules.bound
    loops = routed.unbounded + betas
    refusal = _refuses(rules, route, mode, loops, restricted=bool(models)) if loops else None
    return refusal or Plan(
        reading=routed,
        price=price,
        bound=_bound(routed, price, mode, bool(loops), ratios),
        countable=mode == "counted" and not loops,
        on_cut=route.on_cut or rules.on_cut,
        learns=mode == "estimated" and not loops and not (routed.images or routed.documents or routed.unknown_inputs),
    )


def _refuses(
    rules: Rules, route: Route, mode: BoundMode, loops: tuple[str, ...], *, restricted: bool
) -> Refusal | None:
    """Why a request with these features without a bound must not be sent; None when it may."""
    if (restricted or route.models) and not OTHER_MODELS.isdisjoint(loops):
        return Refusal(reason="not_allowed", scope="model", detail=f"It may use other models ({', '.join(loops)}).")
    unbounded = route.unbounded or rules.unbounded or ("refuse" if mode == "strict" else "estimate")
    if unbounded == "refuse":
        return Refusal(reason="unbounded_cost", detail=f"It uses {', '.join(loops)}.")
    return None


OTHER_MODELS = frozenset({"fallbacks", "server-side-fallback", "advisor", "unread_parts"})
"""Features by which a request can be answered by another model than the one that it names."""

ANONYMOUS = "anonymous"
"""The shared user of calls that name none."""


def _allows(book: PriceBook, names: tuple[str, ...], model: str) -> bool:
    """Whether a list of models has this one, under any of its names."""
    if model in names:
        return True
    price = book.find(model)
    return price is not None and any(book.find(name) is price for name in names)


def _bound(reading: Reading, price: Price, mode: BoundMode, loops: bool, ratios: Mapping[str, Ratio]) -> Bound:
    if loops:
        return bounds.unbounded(reading, price)
    if mode == "estimated":
        ratio = ratios.get(price.model)
        return bounds.estimated(reading, price, ratio.tokens_per_byte() if ratio else DEFAULT)
    return bounds.strict(reading, price)
