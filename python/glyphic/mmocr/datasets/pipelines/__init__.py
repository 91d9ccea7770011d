"""``mmocr.datasets.pipelines``: steps, each also by its name in a list of dicts."""

from .box_utils import sort_vertex, sort_vertex8
from .compose import Compose
from .crop import box_jitter, crop_img, warp_img
from .custom_format_bundle import Collect, CustomFormatBundle, DefaultFormatBundle, ImageToTensor
from .dbnet_transforms import EastRandomCrop, ImgAug
from .kie_transforms import KIEFormatBundle, ResizeNoImg
from .loading import LoadAnnotations, LoadImageFromFile, LoadImageFromNdarray, LoadTextAnnotations
from .mmdet_transforms import Normalize, Pad, RandomFlip, Resize
from .ner_transforms import NerTransform, ToTensorNER
from .ocr_seg_targets import OCRSegTargets
from .ocr_transforms import (
    FancyPCA,
    NormalizeOCR,
    OnlineCropOCR,
    OpencvToPil,
    PilToOpencv,
    RandomPaddingOCR,
    RandomRotateImage,
    RandomRotateImageBox,
    ResizeOCR,
    ToTensorOCR,
)
from .test_time_aug import MultiRotateAugOCR, MultiScaleFlipAug
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
    "ImageToTensor",
    "ImgAug",
    "KIEFormatBundle",
    "LoadAnnotations",
    "LoadImageFromFile",
    "LoadImageFromNdarray",
    "LoadTextAnnotations",
    "MultiRotateAugOCR",
    "MultiScaleFlipAug",
    "NerTransform",
    "Normalize",
    "NormalizeOCR",
    "OCRSegTargets",
    "OnlineCropOCR",
    "OpencvToPil",
    "PANetTargets",
    "PSENetTargets",
    "Pad",
    "PilToOpencv",
    "RandomCropFlip",
    "RandomCropInstances",
    "RandomCropPolyInstances",
    "RandomFlip",
    "RandomPaddingOCR",
    "RandomRotateImage",
    "RandomRotateImageBox",
    "RandomRotatePolyInstances",
    "RandomRotateTextDet",
    "RandomScaling",
    "Resize",
    "ResizeNoImg",
    "ResizeOCR",
    "ScaleAspectJitter",
    "SquareResizePad",
    "TextSnakeTargets",
    "ToTensorNER",
    "ToTensorOCR",
    "box_jitter",
    "crop_img",
    "sort_vertex",
    "sort_vertex8",
    "warp_img",
]
