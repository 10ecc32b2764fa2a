"""`tidegate` as it is, save that LEVEL `debug` makes the log tell every attempt: there is no setting for that yet.

    python gateway_process.py LEVEL serve --port 0 ...
"""

import functools
import sys

from tidegate import assemble
from tidegate.cli.main import main

if __name__ == "__main__":
    level, *arguments = sys.argv[1:]
    if level == "debug":
        assemble.make_logger = functools.partial(assemble.make_logger, debug=True)
    sys.exit(main(arguments))
