"""The `where` of a rule: which calls it is for, checked, because one that no call can match would switch it off."""

from tidegate.config.locate import Path
from tidegate.config.read import Values
from tidegate.config.trouble import Trouble, did_you_mean, show
from tidegate.policy.prices import PriceBook
from tidegate.policy.rules import Selector
from tidegate.policy.scopes import selected


class Wheres:
    """Reads the `where` tables of all rules; `unknown_model` is the setting of that name."""

    def __init__(self, trouble: Trouble, book: PriceBook, unknown_model: str) -> None:
        self._trouble = trouble
        self._book = book
        # A price that is declared wrongly is told where it stands.
        declared = trouble.sources.tree.get("prices", {})
        self._declared = set(declared) if isinstance(declared, dict) else set()
        if unknown_model == "dearest":
            self._declared.add(book.dearest.model)  # what calls to models without a price count as

    def read(self, path: Path, values: Values) -> Selector:
        """The selector of the rule at `path`, names as they were written; notes models that no call is for."""
        where = values.get("where", {})
        for name in where.get("model", ()):
            if name not in self._declared and self._book.find(name) is None:
                hint = did_you_mean(name, self._book.prices) or f"give it one in [prices.{show(name)}]"
                words = f"names {show(name)}, which has no price, so no call counts as one to it; {hint}"
                self._trouble.say((*path, "where", "model"), words)
        return tuple(sorted((scope, tuple(sorted(names))) for scope, names in where.items()))

    def same(self, where: Selector) -> Selector:
        """Equal for selectors of the same calls: a model has several names."""
        return selected(where, self._book, b"")
