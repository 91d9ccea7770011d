"""``mmocr.datasets.builder``, and MMDetection's registries of data sets and pipeline steps."""

import copy

from ..utils.registry import Registry, build_from_cfg

DATASETS = Registry("dataset")
PIPELINES = Registry("pipeline")
LOADERS = Registry("loader")
PARSERS = Registry("parser")


def build_loader(cfg):
    """A loader from its config."""
    return build_from_cfg(cfg, LOADERS)


def build_parser(cfg):
    """A parser from its config."""
    return build_from_cfg(cfg, PARSERS)


def build_dataset(cfg, default_args=None):
    """A data set from its config; a list of configs, or lists of files in one, give a concatenation."""
    if isinstance(cfg, (list, tuple)):
        return DATASETS.get("ConcatDataset")([build_dataset(c, default_args) for c in cfg])
    if cfg.get("type") == "RepeatDataset":
        return DATASETS.get("RepeatDataset")(build_dataset(cfg["dataset"], default_args), cfg["times"])
    if isinstance(cfg.get("ann_file"), (list, tuple)):
        parts = []
        for i, ann_file in enumerate(cfg["ann_file"]):
            part = copy.deepcopy(cfg)
            part["ann_file"] = ann_file
            for key in ("img_prefix", "seg_prefix", "proposal_file"):
                if isinstance(cfg.get(key), (list, tuple)):
                    part[key] = cfg[key][i]
            parts.append(build_dataset(part, default_args))
        return DATASETS.get("ConcatDataset")(parts, cfg.get("separate_eval", True))
    return build_from_cfg(cfg, DATASETS, default_args)
