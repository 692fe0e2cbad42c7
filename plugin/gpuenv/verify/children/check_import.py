"""Import TensorFlow: is it the version the recipe asks for, and was it built for CUDA?"""

import gpuenv_child


def main(child):
    tf = gpuenv_child.import_tensorflow(child)
    with child.step("reading the build information"):
        child.evidence(
            path=tf.__file__,
            built_with_cuda=tf.test.is_built_with_cuda(),
            build_info=build_info(tf),
        )
    expected = child.options["version"]
    if tf.__version__ != expected:
        raise gpuenv_child.Failed("TensorFlow is `%s`, expected `%s`" % (tf.__version__, expected))
    if not tf.test.is_built_with_cuda():
        raise gpuenv_child.Failed("this TensorFlow `%s` was built without CUDA" % tf.__version__)


def build_info(tf):
    """Return what the wheel says about itself; the function is there since TensorFlow 2.3."""
    if not hasattr(tf.sysconfig, "get_build_info"):
        return {}
    return dict(tf.sysconfig.get_build_info())


if __name__ == "__main__":
    gpuenv_child.start().run(main)
