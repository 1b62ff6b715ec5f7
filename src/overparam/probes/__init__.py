"""What is measured: one file a probe, each with a function and a ``PROBE`` that names its numbers."""

from overparam.probes.catalog import available as available
from overparam.probes.catalog import standard as standard
from overparam.probes.norms import norm as norm
from overparam.probes.outputs import outputs as outputs
from overparam.probes.probe import Probe as Probe
from overparam.probes.recovery import recovery as recovery
from overparam.probes.subset import subset as subset
