"""The table of every public function: one valid call each, and what may be odd about its arguments."""
