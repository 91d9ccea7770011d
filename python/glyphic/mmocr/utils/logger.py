"""``mmocr.utils.logger``, and what it takes from MMCV."""

import logging

_ready: set = set()


def get_logger(name, log_file=None, log_level=logging.INFO, file_mode="w"):
    """The logger of a name; the first call for a name gives it its handlers."""
    logger = logging.getLogger(name)
    if any(name == done or name.startswith(done + ".") for done in _ready):
        return logger
    handlers = [logging.StreamHandler()]
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, file_mode))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
        handler.setLevel(log_level)
        logger.addHandler(handler)
    logger.setLevel(log_level)
    # Handlers of the root logger would say everything a second time.
    logger.propagate = False
    _ready.add(name)
    return logger


def get_root_logger(log_file=None, log_level=logging.INFO):
    """The package's logger; see :func:`get_logger`."""
    return get_logger(__name__.split(".")[0], log_file, log_level)


def print_log(msg, logger=None, level=logging.INFO):
    """Prints, or logs: to a logger, to one of a name, or not at all (``silent``)."""
    if logger is None:
        print(msg)
    elif isinstance(logger, logging.Logger):
        logger.log(level, msg)
    elif logger != "silent":
        get_logger(logger).log(level, msg)
