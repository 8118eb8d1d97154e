#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""First stage: makes a data set of two noisy spirals and splits it.

usage: prepare.py DIRECTORY [--rows N] [--seed N]

Tells of it in the simplest way there is: lines appended to $PEEKPUSH_METRICS.
"""
import argparse
import os

import numpy


def spirals(rows, rng):
    """Points on two arms that wind around each other; a straight line cannot part them."""
    label = rng.integers(0, 2, rows)
    angle = numpy.sqrt(rng.random(rows)) * 2.5 * numpy.pi
    radius = angle / (2.5 * numpy.pi)
    turn = angle + label * numpy.pi
    points = numpy.column_stack([radius * numpy.cos(turn), radius * numpy.sin(turn)])
    return points + rng.normal(0, 0.015, points.shape), label


def tell(line):
    """Without `peekpush run` around us there is nobody to tell."""
    path = os.environ.get("PEEKPUSH_METRICS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    points, label = spirals(args.rows, numpy.random.default_rng(args.seed))
    # Sines of the coordinates spare the network a few hundred epochs.
    features = numpy.column_stack([points, numpy.sin(3 * points), numpy.cos(3 * points)])
    bounds = [0, args.rows * 7 // 10, args.rows * 85 // 100, args.rows]
    tell("# HELP ml_dataset_rows Examples of the data set, by the part they went to.")
    tell("# TYPE ml_dataset_rows gauge")
    parts = {}
    for name, begin, end in zip(("train", "validate", "test"), bounds, bounds[1:]):
        parts[name + "_x"] = features[begin:end].astype(numpy.float32)
        parts[name + "_y"] = label[begin:end].astype(numpy.float32)
        tell(f'ml_dataset_rows{{split="{name}"}} {end - begin}')
    path = os.path.join(args.directory, "data.npz")
    numpy.savez(path, **parts)
    tell(f"ml_dataset_features {features.shape[1]}")
    tell(f"ml_dataset_bytes {os.path.getsize(path)}")
    print(f"{args.rows} rows in {path}")


if __name__ == "__main__":
    main()
