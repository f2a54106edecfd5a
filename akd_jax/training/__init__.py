"""A run from its settings to its end: what is known of it, the one host loop that plays it, and what it leaves behind.

`found`, `run` and `sweep_runs` put it together, `loop` plays it, one dispatch after another, and `recorder`,
`conclusion` and `summary` write down what comes of it.
"""
