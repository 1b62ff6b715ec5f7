"""One file a check; its object ``CHECK`` is found by its folder."""
