"""Where it runs: plan, keys, executors, judgement. Never imports a particular study."""
