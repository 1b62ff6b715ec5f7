"""Paths between networks: points as one stack, barriers with intervals, permutations, learned bends, planes.

A path that stays low proves that its ends are connected, at the points that were looked at; one that does not proves nothing.

>>> from overparam.probes.paths import along, barrier, straight   # doctest: +SKIP
>>> barrier(along(straight(network, a, b), x, y)).said(0.02)      # doctest: +SKIP
'not found'
"""

from overparam.probes.paths.align import Aligned as Aligned
from overparam.probes.paths.align import aligned as aligned
from overparam.probes.paths.barrier import Barrier as Barrier
from overparam.probes.paths.barrier import barrier as barrier
from overparam.probes.paths.bend import learned_bends as learned_bends
from overparam.probes.paths.evaluate import Along as Along
from overparam.probes.paths.evaluate import along as along
from overparam.probes.paths.path import Path as Path
from overparam.probes.paths.path import bezier as bezier
from overparam.probes.paths.path import polygon as polygon
from overparam.probes.paths.path import straight as straight
from overparam.probes.paths.plane import Plane as Plane
from overparam.probes.paths.plane import plane as plane
