"""MMCV's ``Registry`` and ``build_from_cfg``: classes that a dict with ``type`` names."""

import inspect


class Registry:
    """Classes by name.

    Args:
        name: what they are, for messages.
        build_func: builds an object from a config; :func:`build_from_cfg` where it is not given.
    """

    def __init__(self, name, build_func=None):
        self._name = name
        self._module_dict = {}
        self._build = build_func or build_from_cfg

    def __len__(self):
        return len(self._module_dict)

    def __contains__(self, key):
        return self.get(key) is not None

    def __repr__(self):
        return f"{type(self).__name__}(name={self._name}, items={self._module_dict})"

    @property
    def name(self):
        return self._name

    @property
    def module_dict(self):
        return self._module_dict

    def get(self, key):
        """The class of a name, or ``None``."""
        return self._module_dict.get(key)

    def build(self, *args, **kwargs):
        return self._build(*args, **kwargs, registry=self)

    def _add(self, cls, name, force):
        names = [name] if isinstance(name, str) else name or [cls.__name__]
        for one in names:
            if not force and one in self._module_dict:
                raise KeyError(f"{one} is already registered in {self._name}")
            self._module_dict[one] = cls
        return cls

    def register_module(self, name=None, force=False, module=None):
        """Registers a class; without ``module`` it is a decorator."""
        if inspect.isclass(name):
            return self._add(name, None, force)
        if module is not None:
            return self._add(module, name, force)
        return lambda cls: self._add(cls, name, force)


def build_from_cfg(cfg, registry, default_args=None):
    """The object that a dict describes: ``type`` is a registered name or a class, the rest its arguments."""
    if not isinstance(cfg, dict):
        raise TypeError(f"cfg must be a dict, but got {type(cfg)}")
    args = dict(default_args or {})
    args.update(cfg)
    if "type" not in args:
        raise KeyError(f'`cfg` or `default_args` must contain the key "type", but got {cfg}\n{default_args}')
    kind = args.pop("type")
    cls = registry.get(kind) if isinstance(kind, str) else kind
    if cls is None:
        raise KeyError(f"{kind} is not in the {registry.name} registry, which has {sorted(registry.module_dict)}")
    if not callable(cls):
        raise TypeError(f"type must be a str or a class, but got {type(kind)}")
    try:
        return cls(**args)
    except Exception as e:
        # As MMCV does, so that the message names the class at fault.
        try:
            renamed = type(e)(f"{getattr(cls, '__name__', cls)}: {e}")
        except Exception:
            raise e from None
        raise renamed from e
