"""Configurations for tests."""

import tomllib

from sendlimit.config import Config


def config_of(text: str) -> Config:
    """Return the configuration of a file with this text.

    Raises:
        ValidationError: a value is not allowed.
    """
    return Config.model_validate(tomllib.loads(text))
