"""``mmocr.utils.data_convert_util``."""

import json
import os


def convert_annotations(image_infos, out_json_name):
    """Writes pictures and their annotations in COCO's style, and returns what was written.

    Args:
        image_infos: a dict for each picture (``file_name``, ``height``, ``width``, ...) with its annotations under
            ``anno_info``. As in MMOCR, the dicts are numbered and lose ``anno_info``.
        out_json_name: the file.
    """
    assert isinstance(image_infos, list)
    assert isinstance(out_json_name, str)
    assert out_json_name
    annotations = []
    for image_id, image_info in enumerate(image_infos):
        image_info["id"] = image_id
        for annotation in image_info.pop("anno_info"):
            annotation["image_id"] = image_id
            annotation["id"] = len(annotations)
            annotations.append(annotation)
    out_json = {"images": list(image_infos), "categories": [{"id": 1, "name": "text"}]}
    if annotations:
        out_json["annotations"] = annotations
    folder = os.path.dirname(out_json_name)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(out_json_name, "w", encoding="utf-8") as file:
        json.dump(out_json, file)
    return out_json
