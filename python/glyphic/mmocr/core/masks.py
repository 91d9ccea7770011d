"""``BitmapMasks`` and ``PolygonMasks`` of MMDetection, as MMOCR's pipelines hand them on."""

import numpy as np

from ... import _glyphic


def rescaled_size(height, width, scale):
    """The size (height, width) after scaling: by a factor, or into (long side, short side)."""
    if isinstance(scale, (int, float)):
        if scale <= 0:
            raise ValueError(f"invalid scale {scale}, it must be positive")
    else:
        long_side, short_side = max(scale), min(scale)
        scale = min(long_side / max(height, width), short_side / min(height, width))
    return int(height * float(scale) + 0.5), int(width * float(scale) + 0.5)


class BitmapMasks:
    """Masks of one size: an array (n, height, width).

    ``outlines`` are the flat outlines they were drawn from, where those are known: steps that move masks move them along.
    """

    outlines = None

    def __init__(self, masks, height, width):
        self.height = height
        self.width = width
        if len(masks) == 0:
            self.masks = np.empty((0, height, width), dtype=np.uint8)
        else:
            self.masks = np.stack(masks).reshape(-1, height, width)

    def __getitem__(self, index):
        return BitmapMasks(self.masks[index].reshape(-1, self.height, self.width), self.height, self.width)

    def __iter__(self):
        return iter(self.masks)

    def __len__(self):
        return len(self.masks)

    def __repr__(self):
        return f"BitmapMasks(num_masks={len(self)}, height={self.height}, width={self.width})"

    @property
    def areas(self):
        return self.masks.sum((1, 2))

    def to_ndarray(self):
        return self.masks

    def rescale(self, scale, interpolation="nearest"):
        """Masks at a scale, or in (long side, short side)."""
        return self.resize(rescaled_size(self.height, self.width, scale), interpolation)

    def resize(self, out_shape, interpolation="nearest"):
        """Masks of a size (height, width), by the nearest pixel."""
        assert interpolation == "nearest", "masks are resized by the nearest pixel"
        height, width = out_shape
        # Single precision holds every value that a mask has.
        resized = _glyphic.resize_masks(self.masks.astype(np.float32), height, width)
        return self._moved(resized.astype(self.masks.dtype), out_shape, lambda p: p.resize(out_shape))

    def _moved(self, masks, size, move):
        """Masks of a size, with the outlines that ``move`` makes of those as polygons."""
        moved = BitmapMasks(masks, *size)
        if self.outlines is not None and len(self.outlines) == len(self):
            polygons = PolygonMasks([[outline] for outline in self.outlines], self.height, self.width)
            moved.outlines = [polygon.tolist() for (polygon,) in move(polygons)]
        return moved

    def flip(self, flip_direction="horizontal"):
        """Masks mirrored: ``horizontal``, ``vertical`` or ``diagonal`` (both)."""
        axes = {"horizontal": (2,), "vertical": (1,), "diagonal": (1, 2)}[flip_direction]
        size = self.height, self.width
        return self._moved(np.flip(self.masks, axes), size, lambda p: p.flip(flip_direction))

    def pad(self, out_shape, pad_val=0):
        """Masks grown to a size (height, width) on the right and below."""
        padded = np.full((len(self), *out_shape), pad_val, dtype=self.masks.dtype)
        padded[:, : self.height, : self.width] = self.masks
        return self._moved(padded, out_shape, lambda p: p)

    def crop(self, bbox):
        """The part in ``x0, y0, x1, y1``, cut to the masks."""
        x0, y0, x1, y1 = np.asarray(bbox).astype(int)
        x0, x1 = np.clip([x0, x1], 0, self.width)
        y0, y1 = np.clip([y0, y1], 0, self.height)
        x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
        size = int(y1 - y0), int(x1 - x0)
        return self._moved(self.masks[:, y0:y1, x0:x1], size, lambda p: p.crop(bbox))


class PolygonMasks:
    """Masks as outlines: for each instance a list of flat arrays ``x1, y1, x2, y2, ...``."""

    def __init__(self, masks, height, width):
        self.masks = [[np.asarray(p) for p in polygons] for polygons in masks]
        self.height = height
        self.width = width

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            masks = [self.masks[index]]
        elif isinstance(index, slice):
            masks = self.masks[index]
        else:
            index = np.asarray(index)
            indices = np.flatnonzero(index) if index.dtype == bool else index
            masks = [self.masks[i] for i in indices]
        return PolygonMasks(masks, self.height, self.width)

    def __iter__(self):
        return iter(self.masks)

    def __len__(self):
        return len(self.masks)

    def __repr__(self):
        return f"PolygonMasks(num_masks={len(self)}, height={self.height}, width={self.width})"

    def _moved(self, change, height, width):
        def one(polygon):
            points = np.array(polygon, dtype=np.result_type(polygon, np.float32)).reshape(-1, 2)
            return change(points).reshape(-1)

        return PolygonMasks([[one(p) for p in polygons] for polygons in self.masks], height, width)

    def rescale(self, scale, interpolation=None):
        """Outlines at a scale, or in (long side, short side)."""
        return self.resize(rescaled_size(self.height, self.width, scale))

    def resize(self, out_shape, interpolation=None):
        """Outlines scaled to a size (height, width)."""
        factor = np.array([out_shape[1] / self.width, out_shape[0] / self.height])
        return self._moved(lambda p: p * factor.astype(p.dtype), *out_shape)

    def flip(self, flip_direction="horizontal"):
        """Outlines mirrored: ``horizontal``, ``vertical`` or ``diagonal`` (both)."""
        axes = {"horizontal": [0], "vertical": [1], "diagonal": [0, 1]}[flip_direction]
        size = np.array([self.width, self.height])

        def mirror(points):
            points[:, axes] = size[axes] - points[:, axes]
            return points

        return self._moved(mirror, self.height, self.width)

    def pad(self, out_shape, pad_val=0):
        """The same outlines in a larger picture."""
        return PolygonMasks(self.masks, *out_shape)

    def crop(self, bbox):
        """Outlines relative to ``x0, y0, x1, y1``; nothing is cut off them."""
        x0, y0, x1, y1 = np.asarray(bbox).astype(int)
        x0, x1 = np.clip([x0, x1], 0, self.width)
        y0, y1 = np.clip([y0, y1], 0, self.height)
        height, width = max(y1 - y0, 1), max(x1 - x0, 1)
        return self._moved(lambda p: p - np.array([x0, y0]), int(height), int(width))

    def to_ndarray(self):
        """Bitmaps (n, height, width)."""
        return self.to_bitmap().masks

    def to_bitmap(self):
        """The same as bitmaps, drawn as COCO draws them."""
        return BitmapMasks(
            [polygon_mask(polygons, self.height, self.width) for polygons in self.masks], self.height, self.width
        )


def polygon_mask(polygons, height, width):
    """The inside of flat polygons as a bitmap (height, width), drawn as COCO draws it."""
    flat = [np.asarray(p, dtype=np.float64).tolist() for p in polygons]
    return np.frombuffer(_glyphic.polygon_mask(flat, height, width), dtype=np.uint8).reshape(height, width)
