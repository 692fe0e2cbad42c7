"""Train the classic small CNN for two epochs: the loss must fall, and the work must have been done on the GPU.

The images have the shape of CIFAR-10. Synthetic ones are one of ten random templates with noise, which the network can
learn at once; CIFAR-10 itself is downloaded by Keras.
"""

import time

import numpy

import gpuenv_child

BATCH, EPOCHS, IMAGES = 10, 2, 2000
# How far the loss of the last epoch must have fallen, of the loss before training (which is about ln 10 = 2.3). Synthetic
# images go below 0.05 of it; real ones reach about 0.5 in two epochs.
FALL = {"synthetic": 0.5, "cifar10": 0.75}


def main(child):
    data = child.options.get("data", "synthetic")
    tf = gpuenv_child.import_tensorflow(child)
    gpuenv_child.prepare_device(child, tf)
    with child.step("loading the %s images" % data):
        images, labels = synthetic() if data == "synthetic" else cifar10(tf)
    child.evidence(data=data, images=len(images), batch=BATCH, epochs=EPOCHS)
    tf.random.set_seed(1)
    # No device is named, as in a user's script: TensorFlow itself has to choose the GPU.
    with child.step("building the model"):
        model = build(tf)
    with child.step("first batch, forward"):
        before = float(model.evaluate(images[:BATCH], labels[:BATCH], batch_size=BATCH, verbose=0))
    child.evidence(loss_before=before)
    with child.step("training"):
        losses = train(child, tf, model, images, labels)
    with child.step("first batch, gradients"):
        where = places(tf, model, images[:BATCH], labels[:BATCH])
    child.evidence(losses=losses, devices=where)
    for name, device in sorted(where.items()):
        gpuenv_child.expect_device(child, name, device)
    judge(before, losses, FALL[data])


def build(tf):
    """Make the network."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile(optimizer="adam", loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def train(child, tf, model, images, labels):
    """Fit the model; return the mean loss of each epoch, and report the seconds each took."""
    seconds = []

    class Clock(tf.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.began = time.time()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(round(time.time() - self.began, 3))

    history = model.fit(images, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=[Clock()])
    child.evidence(epoch_s=seconds)
    return [float(loss) for loss in history.history["loss"]]


def places(tf, model, images, labels):
    """Say where the weights are, and where one step forward and back is computed."""
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        loss = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    return {
        "the weights": tensor_of(model.trainable_variables[0]).device,
        "the forward step": gpuenv_child.place_of(logits),
        "the convolution's gradient": gpuenv_child.place_of(gradients[0]),
    }


def tensor_of(variable):
    """Return what TensorFlow knows of a variable: Keras 3 has variables of its own, with TensorFlow's in them."""
    return variable if hasattr(variable, "device") else variable.value


def judge(before, losses, fall):
    """Raise Failed unless the loss fell far enough."""
    limit = fall * before
    if not (losses[-1] < limit and losses[-1] < losses[0]):
        shown = " -> ".join("%.3f" % loss for loss in [before] + losses)
        raise gpuenv_child.Failed("the loss does not fall: `%s`, expected below `%.3f`" % (shown, limit))


def synthetic():
    """Make images that are one of ten templates, and noise, in [0, 1]; the label says which template."""
    random = numpy.random.RandomState(20201214)
    templates = random.uniform(0.2, 0.8, size=(10, 32, 32, 3))
    labels = random.randint(0, 10, size=IMAGES)
    images = templates[labels] + random.normal(0.0, 0.1, size=(IMAGES, 32, 32, 3))
    return numpy.clip(images, 0.0, 1.0).astype(numpy.float32), labels.astype(numpy.int64)


def cifar10(tf):
    """Load the training part of CIFAR-10 through Keras."""
    (images, labels), _ = tf.keras.datasets.cifar10.load_data()
    return (images / 255.0).astype(numpy.float32), labels.reshape(-1).astype(numpy.int64)


if __name__ == "__main__":
    gpuenv_child.start().run(main)
