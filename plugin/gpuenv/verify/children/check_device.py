"""Does TensorFlow see every GPU that the driver shows, and can it start them?"""

import ctypes
import os

import gpuenv_child

# CUdevice_attribute in cuda.h
COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR = 75, 76


def main(child):
    with child.step("asking the driver"):
        visible = driver_devices(child)
    tf = gpuenv_child.import_tensorflow(child)
    with child.step("listing GPUs"):
        listed = tf.config.list_physical_devices("GPU")
    child.evidence(
        device="/GPU:0",
        physical_devices=[device.name for device in listed],
        details=[details(tf, device) for device in listed],
    )
    if not listed:
        raise gpuenv_child.Failed("TensorFlow lists no GPU, expected %d" % max(len(visible), 1))
    if visible and len(listed) != len(visible):
        raise gpuenv_child.Failed("TensorFlow lists %d GPUs, expected %d" % (len(listed), len(visible)))
    for device in listed:
        tf.config.experimental.set_memory_growth(device, True)
    with child.step("starting the GPUs"):
        logical = [device.name for device in tf.config.list_logical_devices("GPU")]
    child.evidence(logical_devices=logical)
    if len(logical) != len(listed):
        raise gpuenv_child.Failed("TensorFlow started %d of %d GPUs" % (len(logical), len(listed)))


def driver_devices(child):
    """List the GPUs that the driver shows this process; CUDA_VISIBLE_DEVICES counts, as it does for TensorFlow.

    Returns an empty list when the driver cannot be asked: what TensorFlow then says is more than we know.
    """
    try:
        driver = ctypes.WinDLL("nvcuda.dll") if os.name == "nt" else ctypes.CDLL("libcuda.so.1")
    except OSError as err:
        child.evidence(driver={"error": str(err)})
        return []
    api, count = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(api))
    status = driver.cuInit(0)
    if status == 0:
        status = driver.cuDeviceGetCount(ctypes.byref(count))
    devices = [describe(driver, index) for index in range(count.value)] if status == 0 else []
    child.evidence(
        driver={
            "status": status,
            "cuda_driver_api": "%d.%d" % (api.value // 1000, api.value % 1000 // 10),
            "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "devices": devices,
        }
    )
    return devices


def describe(driver, index):
    """Return name and compute capability of one GPU."""
    device, name, major, minor = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGet(ctypes.byref(device), index)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceGetAttribute(ctypes.byref(major), COMPUTE_CAPABILITY_MAJOR, device)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), COMPUTE_CAPABILITY_MINOR, device)
    return {
        "name": name.value.decode("utf-8", "replace"),
        "compute_capability": "%d.%d" % (major.value, minor.value),
    }


def details(tf, device):
    """Return what TensorFlow knows about a GPU; the function is there since TensorFlow 2.4."""
    get = getattr(tf.config.experimental, "get_device_details", None)
    found = get(device) if get is not None else {}
    return {key: ".".join(map(str, value)) if isinstance(value, tuple) else value for key, value in found.items()}


if __name__ == "__main__":
    gpuenv_child.start().run(main)
