"""``mmocr.datasets.pipelines``: steps, each also by its name in a list of dicts."""

from .box_utils import sort_vertex, sort_vertex8
from .compose import Compose
from .crop import crop_img, warp_img
from .custom_format_bundle import Collect, CustomFormatBundle, DefaultFormatBundle
from .dbnet_transforms import EastRandomCrop, ImgAug
from .kie_transforms import KIEFormatBundle, ResizeNoImg
from .loading import LoadImageFromFile, LoadImageFromNdarray, LoadTextAnnotations
from .ner_transforms import NerTransform, ToTensorNER
from .ocr_seg_targets import OCRSegTargets
from .ocr_transforms import (
    FancyPCA,
    NormalizeOCR,
    OnlineCropOCR,
    OpencvToPil,
    PilToOpencv,
    RandomPaddingOCR,
    RandomRotateImageBox,
    ResizeOCR,
    ToTensorOCR,
)
from .test_time_aug import MultiRotateAugOCR
from .textdet_targets import (
    DBNetTargets,
    DRRGTargets,
    FCENetTargets,
    PANetTargets,
    PSENetTargets,
    TextSnakeTargets,
)
from .transforms import (
    ColorJitter,
    RandomCropFlip,
    RandomCropInstances,
    RandomCropPolyInstances,
    RandomRotatePolyInstances,
    RandomRotateTextDet,
    RandomScaling,
    ScaleAspectJitter,
    SquareResizePad,
)

__all__ = [
    "Collect",
    "ColorJitter",
    "Compose",
    "CustomFormatBundle",
    "DBNetTargets",
    "DRRGTargets",
    "DefaultFormatBundle",
    "EastRandomCrop",
    "FCENetTargets",
    "FancyPCA",
    "ImgAug",
    "KIEFormatBundle",
    "LoadImageFromFile",
    "LoadImageFromNdarray",
    "LoadTextAnnotations",
    "MultiRotateAugOCR",
    "NerTransform",
    "NormalizeOCR",
    "OCRSegTargets",
    "OnlineCropOCR",
    "OpencvToPil",
    "PANetTargets",
    "PSENetTargets",
    "PilToOpencv",
    "RandomCropFlip",
    "RandomCropInstances",
    "RandomCropPolyInstances",
    "RandomPaddingOCR",
    "RandomRotateImageBox",
    "RandomRotatePolyInstances",
    "RandomRotateTextDet",
    "RandomScaling",
    "ResizeNoImg",
    "ResizeOCR",
    "ScaleAspectJitter",
    "SquareResizePad",
    "TextSnakeTargets",
    "ToTensorNER",
    "ToTensorOCR",
    "crop_img",
    "sort_vertex",
    "sort_vertex8",
    "warp_img",
]
