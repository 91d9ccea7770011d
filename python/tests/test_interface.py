"""Names, arguments and defaults of MMOCR 0.2.1 that scripts rely on."""

import importlib
import inspect

import pytest

from glyphic.mmocr.datasets import DATASETS, LOADERS, PARSERS, PIPELINES

# What the documentation of MMOCR 0.2.1 lists, and what its scripts import besides: arguments as a Python signature.
# Ours may have more behind them.
INTERFACE = {
    "apis": {
        "model_inference": "model, imgs, batch_mode=False",
        "init_detector": "config, checkpoint=None, device='cuda:0', cfg_options=None",
    },
    "core.evaluation": {
        "eval_hmean_ic13": "det_boxes, gt_boxes, gt_ignored_boxes, precision_thr=0.4, recall_thr=0.8, "
        "center_dist_thr=1.0, one2one_score=1.0, one2many_score=0.8, many2one_score=1.0",
        "eval_hmean_iou": "pred_boxes, gt_boxes, gt_ignored_boxes, iou_thr=0.5, precision_thr=0.5",
        "eval_ocr_metric": "pred_texts, gt_texts",
        "eval_hmean": "results, img_infos, ann_infos, metrics={'hmean-iou'}, score_thr=0.3, rank_list=None, "
        "logger=None, **kwargs",
        "compute_f1_score": "preds, gts, ignores=[]",
        "eval_ner_f1": "results, gt_infos",
    },
    "core.evaluation.hmean": {
        "output_ranklist": "img_results, img_infos, out_file",
        "get_gt_masks": "ann_infos",
    },
    "core.evaluation.hmean_ic13": {"compute_recall_precision": "gt_polys, pred_polys"},
    "core.evaluation.ocr_metric": {
        "cal_true_positive_char": "pred, gt",
        "count_matches": "pred_texts, gt_texts",
    },
    "core.evaluation.ner_metric": {
        "gt_label2entity": "gt_infos",
        "compute_f1_all": "pred_entities, gt_entities",
    },
    "core.evaluation.utils": {
        "ignore_pred": "pred_boxes, gt_ignored_index, gt_polys, precision_thr",
        "compute_hmean": "accum_hit_recall, accum_hit_prec, gt_num, pred_num",
        "box2polygon": "box",
        "points2polygon": "points",
        "poly_intersection": "poly_det, poly_gt",
        "poly_union": "poly_det, poly_gt",
        "boundary_iou": "src, target",
        "poly_iou": "poly_det, poly_gt",
        "one2one_match_ic13": "gt_id, det_id, recall_mat, precision_mat, recall_thr, precision_thr",
        "one2many_match_ic13": "gt_id, recall_mat, precision_mat, recall_thr, precision_thr, gt_match_flag, "
        "det_match_flag, det_ignored_index",
        "many2one_match_ic13": "det_id, recall_mat, precision_mat, recall_thr, precision_thr, gt_match_flag, "
        "det_match_flag, gt_ignored_index",
        "points_center": "points",
        "point_distance": "p1, p2",
        "box_center_distance": "b1, b2",
        "box_diag": "box",
        "filter_2dlist_result": "results, scores, score_thr",
        "filter_result": "results, scores, score_thr",
        "select_top_boundary": "boundaries_list, scores_list, score_thr",
        "select_bboxes_via_score": "bboxes_list, scores_list, score_thr",
    },
    "core.mask": {
        "points2boundary": "points, text_repr_type, text_score=None, min_width=-1",
        "seg2boundary": "seg, text_repr_type, text_score=None",
        "extract_boundary": "result",
    },
    "utils": {
        "get_root_logger": "log_file=None, log_level=20",
        "collect_env": "",
        "drop_orientation": "img_file",
        "convert_annotations": "image_infos, out_json_name",
        "is_not_png": "img_file",
        "is_on_same_line": "box_a, box_b, min_y_overlap_ratio=0.8",
        "stitch_boxes_into_lines": "boxes, max_x_dist=10, min_y_overlap_ratio=0.8",
        "list_to_file": "filename, lines",
        "list_from_file": "filename, encoding='utf-8'",
        "lmdb_converter": "img_list_file, output, batch_size=1000, coding='utf-8'",
        "StringStrip": "strip=True, strip_pos='both', strip_str=None",
        "is_type_list": "x, type",
        "is_none_or_type": "x, type",
        "is_3dlist": "x",
        "is_2dlist": "x",
        "is_ndarray_list": "x",
        "equal_len": "*argv",
        "valid_boundary": "x, with_score=True",
        "build_from_cfg": "cfg, registry, default_args=None",
    },
    "datasets.base_dataset": {
        "BaseDataset": "ann_file, loader, pipeline, img_prefix='', test_mode=False",
        "BaseDataset.evaluate": "self, results, metric=None, logger=None, **kwargs",
        "BaseDataset.format_results": "self, results, **kwargs",
        "BaseDataset.pre_pipeline": "self, results",
        "BaseDataset.prepare_test_img": "self, img_info",
        "BaseDataset.prepare_train_img": "self, index",
    },
    "datasets.icdar_dataset": {
        "IcdarDataset": "ann_file, pipeline, classes=None, data_root=None, img_prefix='', seg_prefix=None, "
        "proposal_file=None, test_mode=False, filter_empty_gt=True, select_first_k=-1",
        "IcdarDataset.evaluate": "self, results, metric='hmean-iou', logger=None, score_thr=0.3, rank_list=None, "
        "**kwargs",
        "IcdarDataset.load_annotations": "self, ann_file",
    },
    "datasets": {
        "TextDetDataset": "ann_file, loader, pipeline, img_prefix='', test_mode=False",
        "OCRDataset.evaluate": "self, results, metric='acc', logger=None, **kwargs",
        "OCRSegDataset": "ann_file, loader, pipeline, img_prefix='', test_mode=False",
        "KIEDataset": "ann_file, loader, dict_file, img_prefix='', pipeline=None, norm=10.0, directed=False, "
        "test_mode=True, **kwargs",
        "NerDataset.evaluate": "self, results, metric=None, logger=None, **kwargs",
        "UniformConcatDataset": "datasets, separate_eval=True, pipeline=None, **kwargs",
        "HardDiskLoader": "ann_file, parser, repeat=1",
        "LmdbLoader": "ann_file, parser, repeat=1",
        "LineStrParser": "keys=['filename', 'text'], keys_idx=[0, 1], separator=' '",
        "LineJsonParser": "keys=[]",
        "build_dataset": "cfg, default_args=None",
    },
    "datasets.pipelines": {
        "Compose": "transforms",
        "LoadImageFromFile": "to_float32=False, color_type='color', file_client_args={'backend': 'disk'}",
        "LoadAnnotations": "with_bbox=True, with_label=True, with_mask=False, with_seg=False, poly2mask=True",
        "LoadTextAnnotations": "with_bbox=True, with_label=True, with_mask=False, with_seg=False, poly2mask=True",
        "Resize": "img_scale=None, multiscale_mode='range', ratio_range=None, keep_ratio=True, "
        "bbox_clip_border=True, backend='cv2', override=False",
        "RandomFlip": "flip_ratio=None, direction='horizontal'",
        "Pad": "size=None, size_divisor=None, pad_val=0",
        "Normalize": "mean, std, to_rgb=True",
        "MultiScaleFlipAug": "transforms, img_scale=None, scale_factor=None, flip=False, flip_direction='horizontal'",
        "ImageToTensor": "keys",
        "DefaultFormatBundle": "",
        "Collect": "keys, meta_keys=('filename', 'ori_filename', 'ori_shape', 'img_shape', 'pad_shape', "
        "'scale_factor', 'flip', 'flip_direction', 'img_norm_cfg')",
        "CustomFormatBundle": "keys=[], call_super=True, visualize={'flag': False, 'boundary_key': None}",
        "ResizeOCR": "height, min_width=None, max_width=None, keep_aspect_ratio=True, img_pad_value=0, "
        "width_downsample_ratio=0.0625, backend=None",
        "NormalizeOCR": "mean, std",
        "OnlineCropOCR": "box_keys=['x1', 'y1', 'x2', 'y2', 'x3', 'y3', 'x4', 'y4'], jitter_prob=0.5, "
        "max_jitter_ratio_x=0.05, max_jitter_ratio_y=0.02",
        "FancyPCA": "eig_vec=None, eig_val=None",
        "RandomPaddingOCR": "max_ratio=None, box_type=None",
        "RandomRotateImageBox": "min_angle=-10, max_angle=10, box_type='char_quads'",
        "MultiRotateAugOCR": "transforms, rotate_degrees=None, force_rotate=False",
        "OCRSegTargets": "label_convertor=None, attn_shrink_ratio=0.5, seg_shrink_ratio=0.25, "
        "box_type='char_rects', pad_val=255",
        "ImgAug": "args=None",
        "EastRandomCrop": "target_size=(640, 640), max_tries=10, min_crop_side_ratio=0.1",
        "RandomCropInstances": "target_size, instance_key, mask_type='inx0', positive_sample_ratio=0.625",
        "RandomRotateTextDet": "rotate_ratio=1.0, max_angle=10",
        "ScaleAspectJitter": "img_scale=None, multiscale_mode='range', ratio_range=None, keep_ratio=False, "
        "resize_type='around_min_img_scale', aspect_ratio_range=None, long_size_bound=None, short_size_bound=None, "
        "scale_range=None",
        "RandomCropPolyInstances": "instance_key='gt_masks', crop_ratio=0.625, min_side_ratio=0.4",
        "RandomRotatePolyInstances": "rotate_ratio=0.5, max_angle=10, pad_with_fixed_color=False, pad_value=(0, 0, 0)",
        "SquareResizePad": "target_size, pad_ratio=0.6, pad_with_fixed_color=False, pad_value=(0, 0, 0)",
        "RandomScaling": "size=800, scale=(0.75, 2.5)",
        "RandomCropFlip": "pad_ratio=0.1, crop_ratio=0.5, iter_num=1, min_area_ratio=0.2",
        "DBNetTargets": "shrink_ratio=0.4, thr_min=0.3, thr_max=0.7, min_short_size=8",
        "PANetTargets": "shrink_ratio=(1.0, 0.5), max_shrink=20",
        "PSENetTargets": "shrink_ratio=(1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4), max_shrink=20",
        "TextSnakeTargets": "orientation_thr=2.0, resample_step=4.0, center_region_shrink_ratio=0.3",
        "FCENetTargets": "fourier_degree=5, resample_step=4.0, center_region_shrink_ratio=0.3, "
        "level_size_divisors=(8, 16, 32), level_proportion_range=((0, 0.4), (0.3, 0.7), (0.6, 1.0))",
        "DRRGTargets": "orientation_thr=2.0, resample_step=8.0, num_min_comps=9, num_max_comps=600, min_width=8.0, "
        "max_width=24.0, center_region_shrink_ratio=0.3, comp_shrink_ratio=1.0, comp_w_h_ratio=0.3, "
        "text_comp_nms_thr=0.25, min_rand_half_height=8.0, max_rand_half_height=24.0, jitter_level=0.2",
        "ResizeNoImg": "img_scale, keep_ratio=True",
        "KIEFormatBundle": "",
        "NerTransform": "label_convertor, max_len",
        "ToTensorNER": "",
        "sort_vertex": "points_x, points_y",
        "sort_vertex8": "points",
    },
    "datasets.pipelines.crop": {
        "warp_img": "src_img, box, jitter_flag=False, jitter_ratio_x=0.5, jitter_ratio_y=0.1",
        "crop_img": "src_img, box, long_edge_pad_ratio=0.4, short_edge_pad_ratio=0.2",
    },
    "models.textdet.postprocess": {"decode": "decoding_type='pan', **kwargs"},
    "models.textdet.postprocess.wrapper": {
        "pan_decode": "preds, text_repr_type='poly', min_text_confidence=0.5, min_kernel_confidence=0.5, "
        "min_text_avg_confidence=0.85, min_text_area=16",
        "pse_decode": "preds, text_repr_type='poly', min_kernel_confidence=0.5, min_text_avg_confidence=0.85, "
        "min_kernel_area=0, min_text_area=16",
        "db_decode": "preds, text_repr_type='poly', mask_thr=0.3, min_text_score=0.3, min_text_width=5, "
        "unclip_ratio=1.5, max_candidates=3000",
        "textsnake_decode": "preds, text_repr_type='poly', min_text_region_confidence=0.6, "
        "min_center_region_confidence=0.2, min_center_area=30, disk_overlap_thr=0.03, radius_shrink_ratio=1.03",
        "fcenet_decode": "preds, fourier_degree, num_reconstr_points, scale, alpha=1.0, beta=2.0, "
        "text_repr_type='poly', score_thr=0.3, nms_thr=0.1",
        "poly_nms": "polygons, threshold",
        "comps2boundaries": "text_comps, comp_pred_labels",
        "fourier2poly": "fourier_coeff, num_reconstr_points=50",
    },
}

# A default that is another one here, and why.
OTHER_DEFAULTS = {"init_detector.device": "there is a processor everywhere"}


@pytest.mark.parametrize("module, name", [(module, name) for module, names in INTERFACE.items() for name in names])
def test_names_arguments_and_defaults_are_those_of_the_reference(module, name):
    found = importlib.import_module(f"glyphic.mmocr.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    expected = inspect.signature(eval(f"lambda {INTERFACE[module][name]}: None"))
    ours = inspect.signature(found).parameters
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    places = [p.name for p in ours.values() if p.kind not in variadic]
    for place, parameter in enumerate(expected.parameters.values()):
        assert parameter.name in ours
        mine = ours[parameter.name]
        assert mine.kind == parameter.kind
        if parameter.kind in variadic:
            continue
        assert places[place] == parameter.name
        if f"{name}.{parameter.name}" not in OTHER_DEFAULTS:
            assert mine.default == parameter.default and type(mine.default) is type(parameter.default)
    # What ours has besides may be left out.
    more = [p for p in ours.values() if p.name not in expected.parameters and p.kind not in variadic]
    assert all(p.default is not inspect.Parameter.empty for p in more)


def test_every_class_is_known_by_its_name_in_a_configuration():
    assert set(DATASETS.module_dict) >= {
        "BaseDataset",
        "ConcatDataset",
        "IcdarDataset",
        "KIEDataset",
        "NerDataset",
        "OCRDataset",
        "OCRSegDataset",
        "RepeatDataset",
        "TextDetDataset",
        "UniformConcatDataset",
    }
    assert set(LOADERS.module_dict) >= {"HardDiskLoader", "LmdbLoader"}
    assert set(PARSERS.module_dict) >= {"LineJsonParser", "LineStrParser"}
    steps = {name for name in INTERFACE["datasets.pipelines"] if name[0].isupper() and name != "Compose"}
    assert set(PIPELINES.module_dict) >= steps | {
        "ColorJitter",
        "LoadImageFromNdarray",
        "OpencvToPil",
        "PilToOpencv",
        "ToTensorOCR",
    }
