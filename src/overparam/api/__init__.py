"""Door: from Python. ``run``, ``load`` and ``gallery``, what they return, and a width sweep of your own networks."""
