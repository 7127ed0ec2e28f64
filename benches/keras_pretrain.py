#!/usr/bin/env python3
"""A step of `pretrain` in Keras: VGG16 at a quarter of the width on 32x32 pixels, from nothing, with the same layers,
batch, loss and optimiser. Run by `compare` in the folder of peers, whose common.py measures.

    keras_pretrain.py --threads 2 --batch 128
"""
import argparse
import os
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batch", default="128")
parser.add_argument("--runs", type=int, default=5)
options = parser.parse_args()

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ["OMP_NUM_THREADS"] = str(options.threads)
sys.path.insert(0, os.getcwd())
from common import emit, measure, pin  # noqa: E402

pin(options.threads)
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)

CLASSES = 10
BLOCKS = ((2, 16), (2, 32), (3, 64), (3, 128), (3, 128))  # convolutions and channels


def network():
    """What `pretrain` trains."""
    x = first = keras.Input((32, 32, 3))
    for convolutions, channels in BLOCKS:
        for _ in range(convolutions):
            x = layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal")(x)
            x = layers.BatchNormalization()(x)
            x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(first, layers.Dense(CLASSES, activation="softmax")(x))
    sgd = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=5e-3)
    model.compile(sgd, keras.losses.CategoricalCrossentropy(label_smoothing=0.1), metrics=["accuracy"])
    return model


model = network()
random = np.random.default_rng(0)
for batch in map(int, options.batch.split(",")):
    x = (random.random((batch, 32, 32, 3), dtype=np.float32) * 255 - 117).astype(np.float32)
    y = np.eye(CLASSES, dtype=np.float32)[random.integers(0, CLASSES, batch)]
    timing = measure(lambda: model.train_on_batch(x, y), options.runs, warm=2)
    emit(f"keras-{keras.__version__}/tf-{tf.__version__}", "train-pretrain", options.threads, batch, timing)
