/* A stand-in for libnvidia-ml.so.1. Build with -DGOOD, -DHANG, -DCRASH, -DGARBAGE, -DMISMATCH, -DNO_GPU, -DOLD or -DHALF. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned long long total, free, used; } memory_t;

#ifdef NEEDS_MISSING
extern int not_there_anywhere(void);
int call_it(void) { return not_there_anywhere(); }
#endif

int nvmlInit_v2(void) {
#if defined(HANG)
    for (;;) pause();
#elif defined(CRASH)
    abort();
#elif defined(MISMATCH)
    return 18;
#else
    return 0;
#endif
}

int nvmlSystemGetDriverVersion(char *text, unsigned size) {
#ifdef GARBAGE
    snprintf(text, size, "banana\x01");
#else
    snprintf(text, size, "470.57.02");
#endif
    return 0;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
#ifdef GARBAGE
    *version = 1234567;
#else
    *version = 11040;
#endif
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
#ifdef MANY
    *count = 4000000000u;
#elif defined(NO_GPU)
    *count = 0;
#else
    *count = 2;
#endif
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
#ifdef HALF
    if (index == 1) return 15; /* NVML_ERROR_GPU_IS_LOST */
#endif
    *handle = (void *)(long)(index + 1);
    return 0;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
#ifdef GARBAGE
    memset(text, 0xff, size);
#else
    snprintf(text, size, (long)handle == 1 ? "NVIDIA GeForce RTX 3080" : "NVIDIA GeForce GTX 1080 Ti");
#endif
    return 0;
}

#ifndef OLD
int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
#ifdef GARBAGE
    *major = 99; *minor = 77;
#else
    *major = (long)handle == 1 ? 8 : 6; *minor = (long)handle == 1 ? 6 : 1;
#endif
    return 0;
}
#endif

int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    memory->free = memory->used = 1;
#ifdef GARBAGE
    memory->total = 0;
#else
    memory->total = (long)handle == 1 ? 10ull << 30 : 11ull << 30;
#endif
    return 0;
}
