from typing import Any, List

__all__ = [
    "decode",
]

def decode(decoding_type: str = "pan", **kwargs: Any) -> List[List[float]]: ...
