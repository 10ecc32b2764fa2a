"""`tidegate` as it is, save that LEVEL `debug` makes the log tell every attempt: there is no setting for that yet.

python gateway_process.py LEVEL serve --port 0 ...
"""

import functools
import sys
from typing import Any

from tidegate import assemble
from tidegate.cli.main import main

own: Any = assemble

if __name__ == "__main__":
    level, *arguments = sys.argv[1:]
    if level == "debug":
        own.make_logger = functools.partial(own.make_logger, debug=True)
    sys.exit(main(arguments))
