"""Models that were saved by other versions, with other add-ons, or not as a whole."""

from __future__ import annotations

from gpuenv.doctor.event import Log
from gpuenv.doctor.log_rule import LogRule

_MODEL_GUIDE = "https://www.tensorflow.org/guide/versions"


def _reads_a_model(log: Log) -> bool:
    return any(word in log.text for word in ("marshal", "Lambda", "lambda", "load_model", "keras"))


MODEL_RULES = (
    LogRule(
        "python.keras-model",
        ("python.marshal",),
        "the saved model has code of another Python in it (a `Lambda` layer), which this version cannot read",
        "read it with the version of Python that wrote it, or build the model from its program and load the "
        "weights alone",
        ("https://keras.io/api/layers/core_layers/lambda/",),
        confidence="likely",
        order=17,
        when=_reads_a_model,
    ),
    LogRule(
        "python.keras-model",
        ("python.model-code",),
        "the saved model was written by a newer TensorFlow than the one that reads it, which does not know {name}",
        "run `gpuenv create -n tf --tensorflow newest`, or read it with the version that wrote it",
        (_MODEL_GUIDE, "https://github.com/tensorflow/tensorflow/issues/22994"),
        confidence="likely",
        order=17,
    ),
    LogRule(
        "python.addon-mismatch",
        ("python.op-missing",),
        "the model uses the operation {name}, which is of an add-on that was not imported, or of a newer TensorFlow",
        "import the add-on that has it first, as `tensorflow_text`, of the same version as TensorFlow",
        ("https://github.com/tensorflow/text/issues/200", _MODEL_GUIDE),
        confidence="likely",
        order=61,
    ),
    LogRule(
        "python.model-file",
        ("python.model-file",),
        "the file of the model is not whole, or no HDF5 file ({why}): a download that was cut, or a pointer of Git LFS",
        "run `ls -l` on it and fetch it again, with `git lfs pull` where it is of a repository",
        ("https://github.com/h5py/h5py/issues/757",),
        order=61,
    ),
)
