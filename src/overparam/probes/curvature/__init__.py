"""How curved the loss is: eigenvalues, trace and spectrum of its second derivative, by products with vectors alone.

>>> from overparam.probes.curvature import top_eigenvalues, trace   # doctest: +SKIP
>>> top_eigenvalues(open_model(network, (x, y), params=params), k=5).values   # doctest: +SKIP
"""

from overparam.probes.curvature.density import Density as Density
from overparam.probes.curvature.density import spectral_density as spectral_density
from overparam.probes.curvature.eigenvalues import Eigenvalues as Eigenvalues
from overparam.probes.curvature.eigenvalues import top_eigenvalues as top_eigenvalues
from overparam.probes.curvature.layers import LayerCurvature as LayerCurvature
from overparam.probes.curvature.layers import per_layer as per_layer
from overparam.probes.curvature.sharpness import Sharpness as Sharpness
from overparam.probes.curvature.sharpness import sharpness as sharpness
from overparam.probes.curvature.stacked import PROBE as PROBE
from overparam.probes.curvature.subspace import subspace_sharpness as subspace_sharpness
from overparam.probes.curvature.trace import Trace as Trace
from overparam.probes.curvature.trace import trace as trace
