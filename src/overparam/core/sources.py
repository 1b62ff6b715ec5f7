"""Temporary."""
from overparam.core.study import Source
def source(key):
    import sys; sys.path.insert(0,"/work/x"); from overparam.studies import sources
    found = {v.key: v for m in (sources,) for v in vars(m).values() if isinstance(v, Source)}
    return found.get(key) or Source(key,key,"","@misc{}")
