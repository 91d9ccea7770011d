"""``mmocr.datasets``."""

from . import pipelines
from .base_dataset import BaseDataset
from .builder import DATASETS, LOADERS, PARSERS, PIPELINES, build_dataset, build_loader, build_parser
from .icdar_dataset import IcdarDataset
from .kie_dataset import KIEDataset
from .ner_dataset import NerDataset
from .ocr_dataset import OCRDataset
from .ocr_seg_dataset import OCRSegDataset
from .pipelines import CustomFormatBundle, DBNetTargets, FCENetTargets
from .text_det_dataset import TextDetDataset
from .uniform_concat_dataset import ConcatDataset, RepeatDataset, UniformConcatDataset
from .utils import HardDiskLoader, LineJsonParser, LineStrParser, LmdbLoader

__all__ = [
    "BaseDataset",
    "ConcatDataset",
    "CustomFormatBundle",
    "DATASETS",
    "DBNetTargets",
    "FCENetTargets",
    "HardDiskLoader",
    "IcdarDataset",
    "KIEDataset",
    "LOADERS",
    "LineJsonParser",
    "LineStrParser",
    "LmdbLoader",
    "NerDataset",
    "OCRDataset",
    "OCRSegDataset",
    "PARSERS",
    "PIPELINES",
    "RepeatDataset",
    "TextDetDataset",
    "UniformConcatDataset",
    "build_dataset",
    "build_loader",
    "build_parser",
    "pipelines",
]
