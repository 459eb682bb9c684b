"""The spiders. A shop that needs its own has a subclass of `ShopSpider` in a module here, named by its site_key.

Further modules, outside of this project, are named with `--spiders package.module`.
"""

import pkgutil
from collections.abc import Iterable
from importlib import import_module

from apps.parsing.crawler.spiders.base import ShopSpider
from apps.parsing.crawler.spiders.generic import GenericSpider

__all__ = ["GenericSpider", "ShopSpider", "available", "spider_for"]


def available(modules: Iterable[str] = ()) -> dict[str, type[ShopSpider]]:
    """Name → class, of all spiders."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    for name in modules:
        import_module(name)
    return {cls.name: cls for cls in _subclasses(ShopSpider) if getattr(cls, "name", None)}


def spider_for(site_key: str, modules: Iterable[str] = ()) -> type[ShopSpider]:
    """The site's own spider, else the generic one."""
    return available(modules).get(site_key, GenericSpider)


def _subclasses(cls: type) -> list[type]:
    return [s for c in cls.__subclasses__() for s in (c, *_subclasses(c))]
