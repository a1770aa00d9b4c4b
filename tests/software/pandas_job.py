"""A job that aggregates tables for ever, and checks each sum against numpy's."""
import numpy
import pandas

import leak

generator = numpy.random.default_rng(7)
number = 0
while True:
    keys = generator.integers(0, 50, 20000)
    values = generator.integers(0, 1000, 20000)
    table = pandas.DataFrame({"key": keys, "value": values})
    sums = table.groupby("key")["value"].sum()
    leak.visit(number)
    number += 1
    print("ok" if (sums.to_numpy() == numpy.bincount(keys, values).astype(int)).all() else "failed",
          flush=True)
