"""What is kept: masks, criteria and actions, learned masks, pruning at initialisation, compaction, iterative pruning."""

from overparam.pruning.mask import Mask as Mask
