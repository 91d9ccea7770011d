"""``mmocr.datasets.base_dataset``."""

import json
import os
import tempfile

import numpy as np

from ..utils.fileio import list_to_file
from ..utils.logger import print_log
from .builder import DATASETS, build_loader
from .pipelines.compose import Compose, plain


def prefix_of(jsonfile_prefix):
    """A prefix of files as given, else in a temporary folder, which comes with it."""
    if jsonfile_prefix is not None:
        return jsonfile_prefix, None
    folder = tempfile.TemporaryDirectory()
    return os.path.join(folder.name, "results"), folder


class _Rows:
    """What every data set here has: indexing through a pipeline, past samples that are broken."""

    def __len__(self):
        return len(self.data_infos)

    def _set_group_flag(self):
        self.flag = np.zeros(len(self), dtype=np.uint8)

    def prepare_test_img(self, img_info):
        """The sample of this index after the pipeline, for a test."""
        return self.prepare_train_img(img_info)

    def _log_error_index(self, index):
        try:
            print_log(f"Warning: skip broken file {self.data_infos[index]} with img_prefix {self.img_prefix}")
        except Exception as e:
            print_log(f"load index {index} with error {e}")

    def _get_next_index(self, index):
        self._log_error_index(index)
        return (index + 1) % len(self)

    def __getitem__(self, index):
        """A sample. In ``test_mode`` its error is raised; else the next sound one is taken, and when there is none the
        first error is raised (MMOCR goes round for ever)."""
        if index >= len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        if self.test_mode:
            return self.prepare_test_img(index)
        first = None
        for _ in range(len(self)):
            try:
                data = self.prepare_train_img(index)
                if data is not None:
                    return data
                raise ValueError("prepared train data empty")
            except Exception as e:
                print_log(f"prepare index {index} with error {e}")
                first = first or e
                index = self._get_next_index(index)
        raise first

    # A result as plain data, in the form that ``glyphic eval`` reads: a method of the data sets of a task.
    _formatted = None

    def format_results(self, results, jsonfile_prefix=None, **kwargs):
        """Writes results, one for each sample, as lines of JSON that ``glyphic eval`` reads.

        Args:
            results: as for ``evaluate``.
            jsonfile_prefix: the file's path without ``.jsonl``; a temporary folder where it is not given.

        Returns:
            ``{"results": path}``, and the temporary folder (which is deleted with the object) or ``None``. A data set of no
            task writes nothing and returns ``None``.
        """
        if self._formatted is None:
            return None
        assert len(results) == len(self), f"{len(results)} results for {len(self)} samples"
        jsonfile_prefix, folder = prefix_of(jsonfile_prefix)
        path = f"{jsonfile_prefix}.jsonl"
        rows = (plain(self._formatted(i, result)) for i, result in enumerate(results))
        list_to_file(path, (json.dumps(row, ensure_ascii=False) for row in rows))
        return {"results": path}, folder


@DATASETS.register_module()
class BaseDataset(_Rows):
    """Samples of a label file, through a pipeline.

    Args:
        ann_file: the file.
        loader: the config of what reads it.
        pipeline: configs of the steps.
        img_prefix: the folder of the pictures.
        test_mode: whether a broken sample is an error, and not skipped.
    """

    CLASSES = 0

    def __init__(self, ann_file, loader, pipeline, img_prefix="", test_mode=False):
        self.test_mode = test_mode
        self.img_prefix = img_prefix
        self.ann_file = ann_file
        self.data_infos = build_loader({**loader, "ann_file": ann_file})
        self.pipeline = Compose(pipeline)
        self._set_group_flag()

    def pre_pipeline(self, results):
        """Puts into a sample what the first step asks for."""
        results["img_prefix"] = self.img_prefix

    def prepare_train_img(self, index):
        """A sample after the pipeline."""
        results = dict(img_info=self.data_infos[index])
        self.pre_pipeline(results)
        return self.pipeline(results)

    def evaluate(self, results, metric=None, logger=None, **kwargs):
        """The metrics of results, one for each sample: data sets of a task know theirs."""
        raise NotImplementedError(f"{type(self).__name__} is of no task, so that it has no metric")
