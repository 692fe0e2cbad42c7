"""Several GPUs: what they need to talk to each other."""

from __future__ import annotations

from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import CUDA_ERRORS, TENSORFLOW

_NCCL = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/"
_NARROWER = (
    "nccl.same-gpu",
    "nccl.network",
    "nccl.peer",
    "nccl.iommu",
    "nccl.multicast",
    "nccl.versions",
    "container.shared-memory",
)

NCCL_RULES = (
    LogRule(
        "nccl.failed",
        ("nccl.same-gpu",),
        "two processes of the job use the same GPU, which NCCL does not allow",
        "give each its own: `torch.cuda.set_device(int(os.environ['LOCAL_RANK']))`, or one `CUDA_VISIBLE_DEVICES` each",
        (_NCCL + "usage/communicators.html",),
        order=56,
    ),
    LogRule(
        "nccl.failed",
        ("nccl.network",),
        "the machines of the job do not reach each other through NCCL ({error})",
        "name the network that joins them, `export NCCL_SOCKET_IFNAME=eth0`, open its ports, and look whether one "
        "process ended earlier; without InfiniBand `export NCCL_IB_DISABLE=1`",
        (_NCCL + "troubleshooting.html", _NCCL + "env.html"),
        confidence="likely",
        order=56,
    ),
    LogRule(
        "nccl.failed",
        ("nccl.peer",),
        "the GPUs cannot read each other's memory directly",
        "run `export NCCL_P2P_DISABLE=1`; `nvidia-smi topo -p2p r` shows which can",
        (_NCCL + "env.html", CUDA_ERRORS),
        confidence="likely",
        order=56,
        explains=("gpu.any-error",),
    ),
    LogRule(
        "nccl.failed",
        ("nccl.iommu",),
        "the IOMMU keeps the GPUs from reading and writing each other's memory, so that programs on several GPUs hang",
        "run `export NCCL_P2P_DISABLE=1`; for good, switch VT-d or the IOMMU off in the firmware, or boot with "
        "`intel_iommu=off` or `iommu=pt`",
        (_NCCL + "troubleshooting.html", TENSORFLOW + "32654"),
        confidence="likely",
        order=56,
    ),
    LogRule(
        "nccl.failed",
        ("nccl.multicast",),
        "NCCL could not use the multicast of NVSwitch (NVLS)",
        "run `export NCCL_NVLS_ENABLE=0`; with root `sudo systemctl restart nvidia-fabricmanager`",
        (_NCCL + "env.html",),
        confidence="likely",
        order=56,
    ),
    LogRule(
        "nccl.failed",
        ("nccl.versions",),
        "the processes of the job load NCCL in different versions",
        "give all machines the same environment, as `gpuenv create` does from one lock",
        (_NCCL + "troubleshooting.html",),
        order=56,
    ),
    LogRule(
        "nccl.not-built",
        ("nccl.not-built",),
        "this build of the framework has no NCCL, as all for Windows",
        "in TensorFlow use "
        "`tf.distribute.MirroredStrategy(cross_device_ops=tf.distribute.HierarchicalCopyAllReduce())`, in PyTorch the "
        "backend `gloo`, or train in WSL",
        (TENSORFLOW + "21470", "https://docs.pytorch.org/docs/stable/distributed.html#backends"),
        order=40,
        explains=("nccl.failed", "gpu.not-registered"),
    ),
    LogRule(
        "gpu.too-many-peers",
        ("gpu.peers",),
        "a GPU can exchange data with eight others directly, and this process uses more",
        "run `export CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7` so that it uses fewer",
        (TENSORFLOW + "49730", CUDA_ERRORS),
        confidence="likely",
        order=53,
        explains=("gpu.any-error", "nccl.failed"),
    ),
    LogRule(
        "nccl.failed",
        ("nccl.failed",),
        "the GPUs could not talk to each other through NCCL {error}; most often another error came first",
        "run again with `export NCCL_DEBUG=INFO`, whose first `WARN` names the reason",
        ("https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",),
        confidence="possible",
        order=89,
        when=lambda log: not log.has(*_NARROWER),
    ),
)
