"""`python -m tidegate`: the same as the command `tidegate`."""

from tidegate.cli.main import run

if __name__ == "__main__":
    run()
