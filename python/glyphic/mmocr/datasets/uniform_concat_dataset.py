"""``mmocr.datasets.uniform_concat_dataset``, and ``ConcatDataset`` and ``RepeatDataset`` of MMDetection."""

import bisect
import copy
import itertools

import numpy as np

from ..utils.logger import print_log
from .base_dataset import prefix_of
from .builder import DATASETS, build_dataset


@DATASETS.register_module()
class ConcatDataset:
    """Data sets one behind the other.

    Args:
        datasets: the data sets.
        separate_eval: whether each is evaluated by itself.
    """

    def __init__(self, datasets, separate_eval=True):
        assert len(datasets) > 0
        self.datasets = list(datasets)
        self.CLASSES = self.datasets[0].CLASSES
        self.separate_eval = separate_eval
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))
        self.flag = np.concatenate([d.flag for d in self.datasets])

    def __len__(self):
        return self.cumulative_sizes[-1]

    def __getitem__(self, index):
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        part = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][index - before]

    def evaluate(self, results, logger=None, **kwargs):
        """Each data set's metrics, their names behind the data set's number; all of them at once where they are not to be
        evaluated separately."""
        parts = self._parts(results)
        if not self.separate_eval:
            kinds = {type(d) for d in self.datasets}
            assert len(kinds) == 1, "data sets of several kinds can only be evaluated separately"
            first = copy.copy(self.datasets[0])
            first.data_infos = [d.data_infos[i] for d in self.datasets for i in range(len(d))]
            return first.evaluate(results, logger=logger, **kwargs)
        every = {}
        for number, (dataset, part) in enumerate(parts):
            print_log(f"\nEvaluating {dataset.ann_file} with {len(part)} images now", logger=logger)
            for name, value in dataset.evaluate(part, logger=logger, **kwargs).items():
                every[f"{number}_{name}"] = value
        return every

    def _parts(self, results):
        """Each data set and its results."""
        assert len(results) == len(self), f"{len(results)} results for {len(self)} samples"
        starts = [0, *self.cumulative_sizes]
        return [(dataset, results[start:end]) for dataset, start, end in zip(self.datasets, starts, starts[1:])]

    def format_results(self, results, jsonfile_prefix=None, **kwargs):
        """Each data set's results in a file of its own, the data set's number behind the prefix; see
        :meth:`BaseDataset.format_results`."""
        jsonfile_prefix, folder = prefix_of(jsonfile_prefix)
        files = {}
        for number, (dataset, part) in enumerate(self._parts(results)):
            written, _ = dataset.format_results(part, f"{jsonfile_prefix}.{number}", **kwargs)
            files.update({f"{number}_{name}": path for name, path in written.items()})
        return files, folder


@DATASETS.register_module()
class RepeatDataset:
    """A data set several times."""

    def __init__(self, dataset, times):
        self.dataset = dataset
        self.times = times
        self.CLASSES = dataset.CLASSES
        self.flag = np.tile(dataset.flag, times)

    def __len__(self):
        return self.times * len(self.dataset)

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.dataset[index % len(self.dataset)]


@DATASETS.register_module()
class UniformConcatDataset(ConcatDataset):
    """Data sets of configs, one behind the other; those whose ``pipeline`` is ``None`` get the common one.

    Args:
        datasets: configs.
        separate_eval: see :class:`ConcatDataset`.
        pipeline: the common pipeline.
        kwargs: defaults of the data sets' arguments.
    """

    def __init__(self, datasets, separate_eval=True, pipeline=None, **kwargs):
        if pipeline is not None:
            assert all(isinstance(d, dict) for d in datasets), "datasets should be config dicts"
            datasets = [
                {**d, "pipeline": copy.deepcopy(pipeline)} if d.get("pipeline") is None else d for d in datasets
            ]
        super().__init__([build_dataset(d, kwargs) for d in datasets], separate_eval)
