"""Text out of nothing: short words in a fixed shuffle, one to a token, so that no reply ever echoes its prompt."""

import random

_STOCK = """
a an the and or but so if as at by in of on to up we it is are was has had can may one two low high near far old new
calm cold deep dark dry fair fast full grey kind late long main open pale quick quiet raw safe slow soft tall thin
bay boat buoy cliff cloud coast crab creek current deck dock dune ebb fish float foam gull harbor hull isle keel
knot lagoon ledge light mast moon net oar pier pool port reef rope sail salt sand shell shore sky sound spray
star stone storm surf swell tide wave wind drift ebbs flows holds keeps lifts marks moves rests rises runs sinks
turns waits
""".split()  # noqa: SIM905 - a list of 130 words reads better as text
SIZE = 8_192


def _shuffled() -> tuple[str, tuple[int, ...]]:
    rng = random.Random(20_261_122)  # noqa: S311 - prose, not secrets
    text, starts = [], [0]
    for _ in range(SIZE):
        word = rng.choice(_STOCK) + rng.choice(("", "", "", "", "", "", "", ",", ".")) + " "
        text.append(word)
        starts.append(starts[-1] + len(word))
    return "".join(text), tuple(starts)


_TEXT, _STARTS = _shuffled()


def words(seed: int, tokens: int) -> str:
    """So many words, from a place in the text that the seed decides."""
    if tokens <= 0:
        return ""
    at = seed % SIZE
    if at + tokens <= SIZE:
        return _TEXT[_STARTS[at] : _STARTS[at + tokens] - 1]
    rounds, rest = divmod(at + tokens - SIZE, SIZE)
    return (_TEXT[_STARTS[at] :] + _TEXT * rounds + _TEXT[: _STARTS[rest]]).rstrip()
