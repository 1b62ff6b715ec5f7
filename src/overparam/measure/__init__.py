"""Your own network: widths that suffice for your data, and runs held against their certificates."""
