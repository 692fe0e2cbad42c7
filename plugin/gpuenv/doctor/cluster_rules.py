"""Clusters and rented machines: why a scheduler gives no GPU."""

from __future__ import annotations

from gpuenv.doctor.log_rule import LogRule

_KUBERNETES = "https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/"
_SLURM = "https://slurm.schedmd.com/gres.html"

CLUSTER_RULES = (
    LogRule(
        "cluster.full",
        ("cluster.full",),
        "the cluster has no node that offers the GPU that was asked for: all are taken, or no node announces any",
        "run `kubectl describe nodes | grep nvidia.com/gpu`, or for Slurm `sinfo -o '%N %G'`",
        (_KUBERNETES, _SLURM),
        order=29,
    ),
    LogRule(
        "cluster.full",
        ("cluster.unhealthy",),
        "a node of the cluster has fewer GPUs that work than it announces",
        "look at that node: `nvidia-smi` and `sudo dmesg | grep Xid`; then restart the device plug-in or slurmd",
        (_KUBERNETES, _SLURM, "https://github.com/NVIDIA/k8s-device-plugin/issues/231"),
        confidence="likely",
        order=29,
    ),
    LogRule(
        "cluster.full",
        ("cluster.taint",),
        "the nodes with GPUs take only pods that tolerate their taint: {taint}",
        "add that toleration to the pod: `tolerations: [{{key: nvidia.com/gpu, operator: Exists, effect: "
        "NoSchedule}}]`",
        ("https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",),
        confidence="likely",
        order=28,
    ),
    LogRule(
        "cluster.request",
        ("cluster.request",),
        "this Slurm does not give GPUs by the option that the job names ({option})",
        "ask with `--gres=gpu:1`, or leave it out where whole nodes are given; `scontrol show config | grep -i gres` "
        "and the site's manual say which",
        (_SLURM, "https://github.com/radical-cybertools/radical.saga/issues/835"),
        order=29,
    ),
    LogRule(
        "cluster.request",
        ("cluster.step",),
        "a step of the Slurm job asks for GPUs or processors that the job was not given; one that is started within "
        "another job takes over what that asked for",
        "give the job what its steps ask for, `#SBATCH --gres=gpu:1`; from within a job submit with `env -u "
        "SLURM_JOB_ID -u SLURM_GPUS -u SLURM_GRES sbatch job.sh`, or from a login node",
        (_SLURM, "https://github.com/mehta-lab/recOrder/issues/482"),
        confidence="likely",
        order=29,
        explains=("cluster.full",),
    ),
    LogRule(
        "cluster.quota",
        ("cluster.quota",),
        "the quota of the account, project or namespace leaves no GPU to give",
        "wait or end what holds one; `kubectl describe resourcequota`, for Slurm `sacctmgr show qos`, for a rented "
        "machine its page of quotas",
        (
            "https://kubernetes.io/docs/concepts/policy/resource-quotas/",
            "https://slurm.schedmd.com/resource_limits.html",
            "https://research.google.com/colaboratory/faq.html",
        ),
        order=29,
    ),
)
