from os import PathLike
from typing import Any, Dict, List, Optional, Tuple, Union, overload

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "init_detector",
    "model_inference",
]

_Image = Union[str, NDArray[np.uint8]]

def init_detector(
    config: Union[str, PathLike[str]],
    checkpoint: Optional[str] = None,
    device: str = "cpu",
    cfg_options: None = None,
) -> Any: ...
@overload
def model_inference(model: Any, imgs: _Image, batch_mode: bool = False) -> Dict[str, Any]: ...
@overload
def model_inference(
    model: Any, imgs: Union[List[_Image], Tuple[_Image, ...]], batch_mode: bool = False
) -> List[Dict[str, Any]]: ...
