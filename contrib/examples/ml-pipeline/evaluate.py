#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Third stage: judges the model on examples it has not seen, and fails when it is too bad.

usage: evaluate.py DIRECTORY [--least ACCURACY]

Tells of it with `peekpush metric`, as a shell script would.
"""
import argparse
import os
import subprocess
import sys

import numpy


def tell(name, value, *options):
    if os.environ.get("PEEKPUSH_METRICS"):
        subprocess.run([os.environ.get("PEEKPUSH", "peekpush"), "metric", "set", name, str(value),
                        *options], check=False)


def predict(model, x):
    count = len(model.files) // 2
    for i in range(count):
        x = x @ model[f"arr_{i}"] + model[f"arr_{i + count}"]
        x = numpy.tanh(x) if i < count - 1 else x
    return x[:, 0] > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--least", type=float, default=0.9)
    args = parser.parse_args()

    data = numpy.load(os.path.join(args.directory, "data.npz"))
    model = numpy.load(os.path.join(args.directory, "model.npz"))
    truth = data["test_y"] > 0.5
    right = predict(model, data["test_x"]) == truth
    accuracy = right.mean()
    tell("ml_accuracy", accuracy, "-l", "split=test", "--help-text",
         "Part of the examples that is classified correctly.")
    tell("ml_accuracy_floor", args.least)
    for value in False, True:
        tell("ml_recall", right[truth == value].mean(), "-l", f"class={int(value)}")
    tell("ml_model_bytes", os.path.getsize(os.path.join(args.directory, "model.npz")))
    print(f"accuracy {accuracy:.3f} on {len(truth)} unseen examples")
    if accuracy < args.least:
        sys.exit(f"that is less than {args.least}: this model goes nowhere")


if __name__ == "__main__":
    main()
