"""Compute on the GPU and compare with NumPy in double precision: cuBLAS, cuDNN, cuSOLVER and cuFFT, each by a result.

An error is the norm of the difference over the norm of the reference.

TF32 (Ampere and newer, on by default in TensorFlow 2.4) keeps 10 bits of each factor's fraction, so that a product is off
by at most 2^-9 and so is a sum of them; measured on an H100: 3e-4. In single precision 3e-7 was measured; convolution
algorithms that transform (Winograd) lose some 20 times more. The tolerance lies between both, so that TF32 that was
not really switched off fails.
"""

import numpy

import gpuenv_child

TF32_TOLERANCE = 2e-3
SINGLE_TOLERANCE = 5e-5


def main(child):
    tf = gpuenv_child.import_tensorflow(child)
    gpuenv_child.prepare_device(child, tf)
    random = numpy.random.RandomState(20201214)
    matrices = normal(random, 512, 512), normal(random, 512, 512)
    images, kernel = normal(random, 8, 32, 32, 16), normal(random, 3, 3, 16, 32)
    square = normal(random, 64, 64)
    signal = (normal(random, 1024) + 1j * normal(random, 1024)).astype(numpy.complex64)

    set_tf32(tf, False)
    matmul(child, tf, "matmul", matrices, SINGLE_TOLERANCE)
    # Half the batch: TensorFlow remembers its choice of algorithm per shape, and one made for TF32 must not be reused.
    convolution(child, tf, "convolution", images[:4], kernel, SINGLE_TOLERANCE)
    svd(child, tf, square)
    fft(child, tf, signal)
    set_tf32(tf, True)
    matmul(child, tf, "matmul_tf32", matrices, TF32_TOLERANCE)
    convolution(child, tf, "convolution_tf32", images, kernel, TF32_TOLERANCE)


def matmul(child, tf, name, matrices, tolerance):
    """Multiply two matrices (cuBLAS)."""
    first, second = matrices
    measured = on_device(child, tf, name, lambda: tf.linalg.matmul(tf.constant(first), tf.constant(second)))
    child.expect_close(name, measured, double(first) @ double(second), tolerance)


def convolution(child, tf, name, images, kernel, tolerance):
    """Convolve a batch of images (cuDNN), without padding."""

    def convolve():
        return tf.nn.conv2d(tf.constant(images), tf.constant(kernel), strides=1, padding="VALID")

    measured = on_device(child, tf, name, convolve)
    child.expect_close(name, measured, convolved(double(images), double(kernel)), tolerance)


def svd(child, tf, square):
    """Take singular values (cuSOLVER)."""
    measured = on_device(child, tf, "svd", lambda: tf.linalg.svd(tf.constant(square))[0])
    child.expect_close("svd", measured, numpy.linalg.svd(double(square), compute_uv=False), SINGLE_TOLERANCE)


def fft(child, tf, signal):
    """Transform a signal (cuFFT)."""
    measured = on_device(child, tf, "fft", lambda: tf.signal.fft(tf.constant(signal)))
    child.expect_close("fft", measured, numpy.fft.fft(signal.astype(numpy.complex128)), SINGLE_TOLERANCE)


def on_device(child, tf, name, operation):
    """Run one operation as a step, check where it ran, and bring the result back."""
    with child.step(name.replace("_tf32", " with TF32")):
        with tf.device(child.device):
            result = operation()
        values = result.numpy()
    gpuenv_child.expect_device(child, name, gpuenv_child.place_of(result))
    return values


def convolved(images, kernel):
    """Convolve by its definition: images NHWC, kernel HWIO, no padding, stride 1."""
    height, width = images.shape[1] - kernel.shape[0] + 1, images.shape[2] - kernel.shape[1] + 1
    total = numpy.zeros((images.shape[0], height, width, kernel.shape[3]))
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            total += images[:, row : row + height, column : column + width, :] @ kernel[row, column]
    return total


def set_tf32(tf, wanted):
    """Switch TF32 on or off; TensorFlow before 2.4 has none."""
    switch = getattr(tf.config.experimental, "enable_tensor_float_32_execution", None)
    if switch is not None:
        switch(wanted)


def normal(random, *shape):
    """Draw normally distributed numbers in single precision."""
    return random.standard_normal(shape).astype(numpy.float32)


def double(array):
    """Return the same numbers in double precision."""
    return array.astype(numpy.float64)


if __name__ == "__main__":
    gpuenv_child.start().run(main)
