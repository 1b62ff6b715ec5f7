"""The empirical tangent kernel: of all outputs, of each or their mean; its cost, its spectrum, and how far it moved.

>>> from overparam.probes.kernel import tangent_kernel   # doctest: +SKIP
>>> tangent_kernel(open_model(network, (x, y), params=params), outputs="mean").spectrum()   # doctest: +SKIP
"""

from overparam.probes.kernel.drift import Drift as Drift
from overparam.probes.kernel.drift import kernel_drift as kernel_drift
from overparam.probes.kernel.result import Spectrum as Spectrum
from overparam.probes.kernel.result import TangentKernel as TangentKernel
from overparam.probes.kernel.tangent import KernelCost as KernelCost
from overparam.probes.kernel.tangent import kernel_cost as kernel_cost
from overparam.probes.kernel.tangent import tangent_kernel as tangent_kernel
