"""The one line for whoever imports a framework's module without the framework."""


def missing(package: str, error: ModuleNotFoundError, *comes_along: str) -> ModuleNotFoundError:
    """The error to raise in place of this one: it says what to install; another module's stays as it is."""
    if error.name is None or error.name.partition(".")[0] not in (package, *comes_along):
        return error
    text = f"tidegate.frameworks.{package} needs {package.capitalize()}: pip install {package}"
    return ModuleNotFoundError(text, name=package)
