"""Who learns: families of networks, each a function from sizes to a ``Network``."""

from overparam.models.activations import activation as activation
from overparam.models.built import built as built
from overparam.models.cnn import cnn as cnn
from overparam.models.cnn import cnn1d as cnn1d
from overparam.models.families import named as named
from overparam.models.holding import holding as holding
from overparam.models.initialisations import initialisation as initialisation
from overparam.models.layers import Walk as Walk
from overparam.models.linear import linear as linear
from overparam.models.linearised import linearise as linearise
from overparam.models.mlp import mlp as mlp
from overparam.models.network import Network as Network
from overparam.models.parametrisations import parametrisation as parametrisation
from overparam.models.size import parameters as parameters
from overparam.models.two_layer import two_layer as two_layer
from overparam.models.two_layer import widen as widen
