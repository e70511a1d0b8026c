"""The error of configuration: wrong files and missing names, found before any data is read."""


class ConfigError(Exception):
    """A settings file, site file, key ring or policy cannot be used.

    Parameters
    ----------
    message
        One line that names the file and every wrong field, without secrets.
    next_step
        One line: what to do about it.
    """

    exit_code = 3

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return self.message
