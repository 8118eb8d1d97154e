#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Second stage: trains a small network by stochastic gradient descent.

usage: train.py DIRECTORY [--epochs N] [--rate R] [--seed N] [--pause SECONDS]

Tells of each epoch with prometheus_client, which replaces the file $PEEKPUSH_METRICS as a whole.
"""
import argparse
import os
import time

import numpy
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, write_to_textfile

HIDDEN, BATCH, MOMENTUM = 32, 32, 0.9


class Told:
    """What the gateway learns. A registry of its own leaves out Python's own metrics."""

    def __init__(self):
        self.registry = registry = CollectorRegistry()
        self.epoch = Gauge("ml_epoch", "Epochs that are finished.", registry=registry)
        self.loss = Gauge("ml_loss", "Mean cross entropy after the last epoch.", ["split"],
                          registry=registry)
        self.accuracy = Gauge("ml_accuracy", "Part of the examples that is classified correctly.",
                              ["split"], registry=registry)
        self.seen = Counter("ml_examples", "Examples trained on.", registry=registry)
        self.seconds = Histogram("ml_epoch_seconds", "Time that an epoch took.",
                                 buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10), registry=registry)

    def write(self):
        path = os.environ.get("PEEKPUSH_METRICS")
        if path:
            write_to_textfile(path, self.registry)


class Network:
    """Two hidden layers of tanh, and one output between 0 and 1."""

    def __init__(self, inputs, rng):
        sizes = [inputs, HIDDEN, HIDDEN, 1]
        self.weights = [rng.normal(0, a ** -0.5, (a, b)) for a, b in zip(sizes, sizes[1:])]
        self.biases = [numpy.zeros(b) for b in sizes[1:]]
        self.speed = [numpy.zeros_like(p) for p in self.weights + self.biases]

    def forward(self, x):
        layers = [x]
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            z = layers[-1] @ weight + bias
            layers.append(numpy.tanh(z) if i < 2 else 1 / (1 + numpy.exp(-z)))
        return layers

    def step(self, x, y, rate):
        layers = self.forward(x)
        delta = (layers[-1] - y[:, None]) / len(y)
        slopes = {}
        for i in reversed(range(3)):
            slopes[i] = layers[i].T @ delta, delta.sum(axis=0)
            delta = delta @ self.weights[i].T * (1 - layers[i] ** 2)
        slope = [slopes[i][0] for i in range(3)] + [slopes[i][1] for i in range(3)]
        for parameter, speed, s in zip(self.weights + self.biases, self.speed, slope):
            speed *= MOMENTUM
            speed -= rate * s
            parameter += speed

    def judge(self, x, y):
        p = numpy.clip(self.forward(x)[-1][:, 0], 1e-7, 1 - 1e-7)
        loss = -numpy.mean(y * numpy.log(p) + (1 - y) * numpy.log(1 - p))
        return float(loss), float(numpy.mean((p > 0.5) == (y > 0.5)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0, help="seconds between two epochs")
    args = parser.parse_args()

    data = numpy.load(os.path.join(args.directory, "data.npz"))
    rng = numpy.random.default_rng(args.seed)
    network, told = Network(data["train_x"].shape[1], rng), Told()
    rows = len(data["train_y"])
    for epoch in range(args.epochs):
        begin = time.monotonic()
        order = rng.permutation(rows)
        for at in range(0, rows, BATCH):
            batch = order[at:at + BATCH]
            network.step(data_x := data["train_x"][batch], data["train_y"][batch], args.rate)
            told.seen.inc(len(data_x))
        for split in "train", "validate":
            loss, accuracy = network.judge(data[split + "_x"], data[split + "_y"])
            told.loss.labels(split).set(loss)
            told.accuracy.labels(split).set(accuracy)
        told.epoch.set(epoch + 1)
        told.seconds.observe(time.monotonic() - begin)
        told.write()
        print(f"epoch {epoch + 1}: validation loss {loss:.4f}, accuracy {accuracy:.3f}")
        time.sleep(args.pause)
    numpy.savez(os.path.join(args.directory, "model.npz"), *network.weights, *network.biases)


if __name__ == "__main__":
    main()
