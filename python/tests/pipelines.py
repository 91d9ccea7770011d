"""The pipelines of MMOCR 0.2.1's configurations, by the configurations' names."""

NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
LOAD = dict(type="LoadImageFromFile")
STORED = dict(type="LoadImageFromFile", color_type="color_ignore_orientation")
TEXTS = dict(type="LoadTextAnnotations", with_bbox=True, with_mask=True, poly2mask=False)
JITTER = dict(type="ColorJitter", brightness=32.0 / 255, saturation=0.5)
NORMALIZE = dict(type="Normalize", **NORM)
FLIP = dict(type="RandomFlip", flip_ratio=0.5, direction="horizontal")
PAD = dict(type="Pad", size_divisor=32)


def finish(keys, boundary_key=None):
    """The last steps, for maps of these names."""
    shown = dict(flag=False, boundary_key=boundary_key)
    return [dict(type="CustomFormatBundle", keys=keys, visualize=shown), dict(type="Collect", keys=["img", *keys])]


def bounded_jitter(ratio, long_side, short_side, aspect=(0.9, 1.1)):
    return dict(
        type="ScaleAspectJitter",
        img_scale=[(3000, 736)],
        ratio_range=ratio,
        aspect_ratio_range=aspect,
        multiscale_mode="value",
        long_size_bound=long_side,
        short_size_bound=short_side,
        resize_type="long_short_bound",
        keep_ratio=False,
    )


def rotated(angle):
    return dict(type="RandomRotatePolyInstances", rotate_ratio=0.5, max_angle=angle, pad_with_fixed_color=False)


SQUARE = dict(type="SquareResizePad", target_size=800, pad_ratio=0.6)
SCALING = dict(type="RandomScaling", size=800, scale=(3.0 / 4, 5.0 / 2))
CROP_FLIP = dict(type="RandomCropFlip", crop_ratio=0.5, iter_num=1, min_area_ratio=0.2)
SNAKE = ["gt_text_mask", "gt_center_region_mask", "gt_mask"]


def crop_poly(ratio):
    return dict(type="RandomCropPolyInstances", instance_key="gt_masks", crop_ratio=ratio, min_side_ratio=0.3)


def crop_kernels(side):
    return dict(type="RandomCropInstances", target_size=(side, side), instance_key="gt_kernels")


DETECTION_TRAINING = {
    "dbnet_r18_fpnc_1200e_icdar2015": [
        LOAD,
        TEXTS,
        JITTER,
        NORMALIZE,
        dict(
            type="ImgAug",
            args=[["Fliplr", 0.5], dict(cls="Affine", rotate=[-10, 10]), ["Resize", [0.5, 3.0]]],
        ),
        dict(type="EastRandomCrop", target_size=(640, 640)),
        dict(type="DBNetTargets", shrink_ratio=0.4),
        PAD,
        *finish(["gt_shrink", "gt_shrink_mask", "gt_thr", "gt_thr_mask"], "gt_shrink"),
    ],
    "psenet_r50_fpnf_600e_icdar2015": [
        LOAD,
        TEXTS,
        JITTER,
        NORMALIZE,
        bounded_jitter((0.5, 3), 1280, 640, aspect=(1, 1)),
        dict(type="PSENetTargets"),
        FLIP,
        dict(type="RandomRotateTextDet"),
        crop_kernels(640),
        PAD,
        *finish(["gt_kernels", "gt_mask"], "gt_kernels"),
    ],
    "panet_r18_fpem_ffm_600e_icdar2015": [
        LOAD,
        TEXTS,
        JITTER,
        NORMALIZE,
        dict(
            type="ScaleAspectJitter",
            img_scale=[(3000, 736)],
            ratio_range=(0.7, 1.3),
            aspect_ratio_range=(0.9, 1.1),
            multiscale_mode="value",
            keep_ratio=False,
        ),
        dict(type="PANetTargets", shrink_ratio=(1.0, 0.5), max_shrink=20),
        FLIP,
        dict(type="RandomRotateTextDet"),
        crop_kernels(736),
        PAD,
        *finish(["gt_kernels", "gt_mask"], "gt_kernels"),
    ],
    "textsnake_r50_fpn_unet_1200e_ctw1500": [
        LOAD,
        TEXTS,
        JITTER,
        NORMALIZE,
        crop_poly(0.65),
        rotated(20),
        bounded_jitter((0.7, 1.3), 800, 480),
        SQUARE,
        FLIP,
        dict(type="TextSnakeTargets"),
        PAD,
        *finish([*SNAKE, "gt_radius_map", "gt_sin_map", "gt_cos_map"], "gt_text_mask"),
    ],
    "fcenet_r50_fpn_1500e_icdar2015": [
        LOAD,
        TEXTS,
        dict(JITTER, contrast=0.5),
        NORMALIZE,
        SCALING,
        CROP_FLIP,
        crop_poly(0.8),
        rotated(30),
        SQUARE,
        FLIP,
        PAD,
        dict(type="FCENetTargets", fourier_degree=5, level_proportion_range=((0, 0.4), (0.3, 0.7), (0.6, 1.0))),
        *finish(["p3_maps", "p4_maps", "p5_maps"]),
    ],
    "drrg_r50_fpn_unet_1200e_ctw1500": [
        LOAD,
        TEXTS,
        JITTER,
        NORMALIZE,
        SCALING,
        CROP_FLIP,
        crop_poly(0.8),
        rotated(60),
        SQUARE,
        FLIP,
        dict(type="DRRGTargets"),
        PAD,
        *finish(
            [
                *SNAKE,
                "gt_top_height_map",
                "gt_bot_height_map",
                "gt_sin_map",
                "gt_cos_map",
                "gt_comp_attribs",
            ],
            "gt_text_mask",
        ),
    ],
    "mask_rcnn_r50_fpn_160e_icdar2015": [
        STORED,
        dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
        dict(
            type="ScaleAspectJitter",
            img_scale=None,
            keep_ratio=False,
            resize_type="indep_sample_in_range",
            scale_range=(640, 2560),
        ),
        dict(type="RandomFlip", flip_ratio=0.5),
        NORMALIZE,
        dict(type="RandomCropInstances", target_size=(640, 640), mask_type="union_all", instance_key="gt_masks"),
        PAD,
        dict(type="DefaultFormatBundle"),
        dict(type="Collect", keys=["img", "gt_bboxes", "gt_labels", "gt_masks"]),
    ],
}


def whole_picture(img_scale, *steps):
    return [LOAD, dict(type="MultiScaleFlipAug", img_scale=img_scale, flip=False, transforms=list(steps))]


TO_TENSOR = [dict(type="ImageToTensor", keys=["img"]), dict(type="Collect", keys=["img"])]


def resized(**size):
    return [dict(type="Resize", keep_ratio=True, **size), NORMALIZE, PAD, *TO_TENSOR]


DETECTION_TESTS = {
    "dbnet_r18_fpnc_1200e_icdar2015": whole_picture((1333, 736), *resized(img_scale=(2944, 736))),
    "psenet_r50_fpnf_600e_icdar2015": whole_picture((1333, 736), *resized(img_scale=(2240, 2240))),
    "panet_r18_fpem_ffm_600e_icdar2015": whole_picture((1333, 736), *resized(img_scale=(1333, 736))),
    "fcenet_r50_fpn_1500e_icdar2015": whole_picture((2260, 2260), *resized(img_scale=(1280, 800))),
    "drrg_r50_fpn_unet_1200e_ctw1500": whole_picture((1024, 640), *resized(img_scale=(1024, 640))),
    "mask_rcnn_r50_fpn_160e_icdar2015": whole_picture(
        (1920, 1920), dict(type="Resize", keep_ratio=True), dict(type="RandomFlip"), NORMALIZE, *TO_TENSOR
    ),
}


def words(norm, load, training, test, degrees=None):
    """The training and the test pipeline of a recognizer; ``training`` and ``test`` are options of ``ResizeOCR``."""
    tensor = [dict(type="ToTensorOCR"), dict(type="NormalizeOCR", **norm)]
    metas = ["filename", "ori_shape", "resize_shape", "valid_ratio"]
    transforms = [
        dict(type="ResizeOCR", **test),
        *tensor,
        dict(type="Collect", keys=["img"], meta_keys=metas),
    ]
    turned = [dict(type="MultiRotateAugOCR", rotate_degrees=degrees, transforms=transforms)]
    train = [
        load,
        dict(type="ResizeOCR", **training),
        *tensor,
        dict(type="Collect", keys=["img"], meta_keys=[*metas, "text"]),
    ]
    return train, [load, *(turned if degrees else transforms)]


HALF = dict(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])
IMAGENET = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
LINE = dict(min_width=48, max_width=160, keep_aspect_ratio=True, width_downsample_ratio=0.25)
RECOGNITION = {
    "crnn_academic_dataset": words(
        dict(mean=[0.5], std=[0.5]),
        dict(type="LoadImageFromFile", color_type="grayscale"),
        dict(height=32, min_width=100, max_width=100, keep_aspect_ratio=False),
        dict(height=32, min_width=4, max_width=None, keep_aspect_ratio=True),
    ),
    "sar_r31_parallel_decoder_academic": words(
        HALF, LOAD, dict(height=48, **LINE), dict(height=48, **LINE), degrees=[0, 90, 270]
    ),
    "nrtr_r31_1by16_1by8_academic": words(
        IMAGENET, LOAD, dict(LINE, height=32, min_width=32), dict(LINE, height=32, min_width=32), degrees=[0, 90, 270]
    ),
}

SEG_CLASSES = dict(type="SegConvertor", dict_type="DICT36", with_unknown=True, lower=True)
SEG_TRAINING = [
    LOAD,
    dict(type="RandomPaddingOCR", max_ratio=[0.15, 0.2, 0.15, 0.2], box_type="char_quads"),
    dict(type="OpencvToPil"),
    dict(type="RandomRotateImageBox", min_angle=-17, max_angle=17, box_type="char_quads"),
    dict(type="PilToOpencv"),
    dict(type="ResizeOCR", height=64, min_width=64, max_width=512, keep_aspect_ratio=True),
    dict(type="OCRSegTargets", label_convertor=SEG_CLASSES, box_type="char_quads"),
    dict(type="RandomRotateTextDet", rotate_ratio=0.5, max_angle=15),
    dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4),
    dict(type="ToTensorOCR"),
    dict(type="FancyPCA"),
    dict(type="NormalizeOCR", **IMAGENET),
    dict(
        type="CustomFormatBundle",
        keys=["gt_kernels"],
        visualize=dict(flag=False, boundary_key=None),
        call_super=False,
    ),
    dict(type="Collect", keys=["img", "gt_kernels"], meta_keys=["filename", "ori_shape", "resize_shape"]),
]

FORM = ["img", "relations", "texts", "gt_bboxes"]
FORMS = {
    "sdmgr_unet16_60e_wildreceipt": [
        LOAD,
        dict(type="LoadAnnotations"),
        dict(type="Resize", img_scale=(1024, 512), keep_ratio=True),
        dict(type="RandomFlip", flip_ratio=0.0),
        NORMALIZE,
        PAD,
        dict(type="KIEFormatBundle"),
        dict(type="Collect", keys=[*FORM, "gt_labels"]),
    ],
    "sdmgr_novisual_60e_wildreceipt": [
        dict(type="LoadAnnotations"),
        dict(type="ResizeNoImg", img_scale=(1024, 512), keep_ratio=True),
        dict(type="KIEFormatBundle"),
        dict(type="Collect", keys=[*FORM, "gt_labels"], meta_keys=("filename", "ori_texts")),
    ],
}


def entities(convertor):
    """``bert_softmax_cluener_18e``."""
    return [
        dict(type="NerTransform", label_convertor=convertor, max_len=convertor["max_len"]),
        dict(
            type="Collect",
            keys=["img"],
            meta_keys=["texts", "img", "labels", "input_ids", "attention_mask", "token_type_ids"],
        ),
        dict(type="ToTensorNER"),
    ]
