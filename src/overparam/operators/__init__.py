"""How it responds: a model of any framework on its data, as outputs and products with its derivatives.

>>> from overparam.operators import hessian, open_model   # doctest: +SKIP
>>> model = open_model(network, (x, y), params=params)   # doctest: +SKIP
>>> scipy.sparse.linalg.eigsh(hessian(model), k=3)   # doctest: +SKIP
"""

from overparam.operators.layout import Layout as Layout
from overparam.operators.linear import gauss_newton as gauss_newton
from overparam.operators.linear import hessian as hessian
from overparam.operators.linear import jacobian as jacobian
from overparam.operators.model import Model as Model
from overparam.operators.open import open_model as open_model
