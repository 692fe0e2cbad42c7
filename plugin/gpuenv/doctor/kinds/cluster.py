"""What schedulers of clusters and rented machines say where they give no GPU."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

CLUSTER_KINDS = (
    Kind(
        "cluster.full",
        (
            r"Insufficient nvidia\.com/(?P<resource>[\w.-]+)",
            r"Invalid generic resource \(gres\) specification",
            r"Requested node configuration is not available",
        ),
    ),
    Kind(
        "cluster.unhealthy",
        (
            r"cannot allocate unhealthy devices nvidia\.com/(?P<resource>[\w.-]+)",
            r"number of devices unavailable for nvidia\.com/(?P<resource>[\w.-]+)",
            r"gres/gpu count (?:reported lower than configured|too low)",
        ),
    ),
    Kind("cluster.taint", (r"untolerated taint \{(?P<taint>[^}\n]*(?:nvidia|gpu)[^}\n]*)\}",)),
    Kind(
        "cluster.request",
        (
            r"GRES option unsupported by configured SelectType",
            r"(?:sbatch|srun|salloc): (?:error: )?unrecognized option '(?P<option>--(?:gpu|gres|tres)[\w-]*)",
            r"Invalid (?P<option>--(?:gpu|gres|tres)[\w-]*) specification",
        ),
    ),
    Kind(
        "cluster.quota",
        (
            r"exceeded quota: [^\n]{0,200}nvidia\.com/\w+",
            r"QOS(?:Max|Grp)GRES\w*|AssocGrpGRES\w*|MaxGRESPer\w+",
            r"Quota '(?:GPUS_ALL_REGIONS|[A-Z_]*NVIDIA\w*GPUS\w*)' exceeded",
            r"Cannot connect to GPU backend",
            r"cannot currently connect to a GPU due to usage limits",
        ),
    ),
)
