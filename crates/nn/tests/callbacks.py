"""What Keras's callbacks do with given figures; the expected values of callbacks.rs.

Needs: pip install tensorflow-cpu==2.21.0 keras==3.15.1
Run:   python callbacks.py

The model has one weight, which is set to the number of the epoch (from 1), so that it tells which epoch was restored.
"""
import keras
import numpy as np

NAN = float("nan")

def early_stopping(values, monitor="val_loss", **options):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse")
    model.stop_training = False
    callback = keras.callbacks.EarlyStopping(monitor, **options)
    callback.set_model(model)
    callback.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        model.set_weights([np.array([[epoch + 1.0]])])
        callback.on_epoch_end(epoch, {monitor: value})
        epochs += 1
        if model.stop_training:
            break
    callback.on_train_end()
    print("early_stopping", values, options, "-> epochs", epochs, "best_epoch", callback.best_epoch,
          "weight", float(model.get_weights()[0][0, 0]))

def reduce_lr(values, rate=1.0, **options):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(**options)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        logs = {"val_loss": value}
        callback.on_epoch_end(epoch, logs)
        rates.append(logs["learning_rate"])
    print("reduce_lr", values, options, "->", rates, float(model.optimizer.learning_rate))

early_stopping([1.0, 0.9, 0.95, 0.96, 0.97, 0.5], patience=2)
early_stopping([1.0, 0.9, 0.95, 0.96, 0.97, 0.5], patience=2, restore_best_weights=True)
early_stopping([1.0, 1.0, 0.5], patience=0)
early_stopping([1.0, 0.5, 0.7, 0.1], patience=0)
early_stopping([1.0, 0.5, 0.7, 0.1], patience=1)
early_stopping([1.0, 0.95, 0.85, 0.80, 0.79, 0.78], min_delta=0.1, patience=2)
early_stopping([1.0, 0.95, 0.85, 0.80, 0.79, 0.78], min_delta=-0.1, patience=2)
early_stopping([0.9, 0.8, 0.7, 0.6], patience=2, baseline=0.5, restore_best_weights=True)
early_stopping([0.9, 0.4, 0.45, 0.46, 0.47], patience=2, baseline=0.5, restore_best_weights=True)
early_stopping([0.1, 0.2, 1.0, 0.9, 0.95, 0.96, 0.97], patience=2, start_from_epoch=2, restore_best_weights=True)
early_stopping([1.0, 0.8, 0.9], patience=5, restore_best_weights=True)
early_stopping([0.5, 0.6, 0.6, 0.6, 0.7], monitor="val_accuracy", mode="max", patience=2, restore_best_weights=True)
early_stopping([1.0, NAN, NAN, 0.5], patience=2, restore_best_weights=True)
early_stopping([1.0, 1.0 - 1e-9, 1.0 - 2e-9, 0.5], patience=2)

reduce_lr([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], factor=0.5, patience=2)
reduce_lr([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], factor=0.5, patience=1, cooldown=2)
reduce_lr([1.0, 0.99995, 0.9999, 0.9998, 0.99979], factor=0.1, patience=1)
reduce_lr([1.0, 1.0, 1.0, 1.0, 1.0], factor=0.1, patience=1, min_lr=0.05)
reduce_lr([1.0, 1.0, 0.5, 0.5, 0.5, 0.5], factor=0.1, patience=2, rate=0.001)
reduce_lr([1.0, 1.0, 1.0], factor=0.1, patience=0, rate=0.001)
