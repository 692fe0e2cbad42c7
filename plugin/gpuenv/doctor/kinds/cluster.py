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
            r"No available node types can fulfill resource request [^\n]{0,80}'GPU'",
            r"resource request cannot be scheduled[^\n]{0,80}'GPU'",
            r"ZONE_RESOURCE_POOL_EXHAUSTED|InsufficientInstanceCapacity",
        ),
    ),
    Kind(
        "cluster.unhealthy",
        (
            r"cannot allocate unhealthy devices nvidia\.com/(?P<resource>[\w.-]+)",
            r"number of devices unavailable for nvidia\.com/(?P<resource>[\w.-]+)",
            r"can't stat gres\.conf file (?P<resource>/dev/nvidia\d+)",
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
        "cluster.step", (r"Unable to create step for job \d+: (?:Invalid generic resource|More processors requested)",)
    ),
    Kind(
        "cluster.quota",
        (
            r"exceeded quota: [^\n]{0,200}nvidia\.com/\w+",
            r"QOS(?:Max|Grp)GRES\w*|AssocGrpGRES\w*|MaxGRESPer\w+",
            r"Quota '(?:GPUS_ALL_REGIONS|[A-Z_]*NVIDIA\w*GPUS\w*)' exceeded",
            r"VcpuLimitExceeded|exceeded your (?:\w+ )?(?:Zero)?GPU quota|weekly GPU quota",
            r"Cannot connect to GPU backend",
            r"cannot currently connect to a GPU due to usage limits",
        ),
    ),
)
