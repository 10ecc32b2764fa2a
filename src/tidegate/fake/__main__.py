"""`python -m tidegate.fake`: the fake Claude from the command line."""

import argparse
from pathlib import Path

from tidegate.fake.server import serve
from tidegate.fake.settings import Settings


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m tidegate.fake", description="A Claude API that costs nothing.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--script", type=Path, help="rules in TOML or JSON")
    parser.add_argument("--books", type=Path, help="append every attempt to this JSONL file")
    parser.add_argument("--key", action="append", default=[], help="accept only these keys")
    parser.add_argument("--bill", choices=("usual", "worst"), default="usual")
    parser.add_argument("--pace", choices=("quick", "real"), default="quick")
    parser.add_argument("--linger", type=int, help="tokens still billed after a client left")
    parser.add_argument("--seed", type=int, default=0, help="of the rules' luck")
    parser.add_argument("--keep-headers", action="store_true", help="for tests: the books keep header values")
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    given = parser.parse_args()
    serve(
        host=given.host,
        port=given.port,
        script=given.script,
        books=given.books,
        until_eof=given.until_eof,
        settings=Settings(
            keys=tuple(given.key),
            bill=given.bill,
            pace=given.pace,
            linger=given.linger,
            seed=given.seed,
            keep_headers=given.keep_headers,
        ),
    )


if __name__ == "__main__":
    main()
