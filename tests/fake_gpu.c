/* A stand-in for libcuda.so.1 and libnvidia-ml.so.1 with one GPU of capability 9.0, or -DMAJOR and -DMINOR, that
   "compiles". The first 8 bytes of a fat binary's first code say what happens: 'T' it takes <value> milliseconds, 'H' it
   hangs, 'A' it aborts, 'E' it gives the error <value>; anything else takes no time. A compiled one leaves a file in
   CUDA_CACHE_PATH, and one that has it already takes no time. Of the GPU's FAKE_GPU_MB each process takes
   FAKE_GPU_WORKER_MB, and FAKE_GPU_MOST_CONTEXTS can use it, as counted by files in FAKE_GPU_CONTEXTS. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MAJOR
#define MAJOR 9
#define MINOR 0
#endif

static void say(const char *what, unsigned long long value) {
    const char *path = getenv("FAKE_GPU_LOG");
    if (!path) return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char line[128];
    int length = snprintf(line, sizeof line, "%ld.%03ld %d %s %llu\n", now.tv_sec, now.tv_nsec / 1000000, getpid(), what, value);
    FILE *log = fopen(path, "a");
    fwrite(line, 1, length, log);
    fclose(log);
}

int cuInit(unsigned flags) { puts("a driver that prints on standard output"); return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = getenv("CUDA_VISIBLE_DEVICES") ? 0 : 1; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return index != 0; }
int cuDeviceGetName(char *text, int size, int device) { snprintf(text, size, "NVIDIA H100 80GB HBM3"); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 80ull << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? MAJOR : MINOR; return 0; }

static int contexts(int add) {
    const char *place = getenv("FAKE_GPU_CONTEXTS");
    if (!place) return 1;
    char mine[512];
    snprintf(mine, sizeof mine, "%s/%d", place, getpid());
    if (add) fclose(fopen(mine, "w"));
    int count = 0;
    DIR *directory = opendir(place);
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    const char *most = getenv("FAKE_GPU_MOST_CONTEXTS");
    if (most && contexts(1) > atoi(most)) return 46;
    contexts(1);
    *context = (void *)1;
    say("context", 0);
    return 0;
}

int cuCtxSetCurrent(void *context) { return context != (void *)1; }

int cuMemGetInfo_v2(size_t *free, size_t *total) {
    const char *megabytes = getenv("FAKE_GPU_WORKER_MB"), *all = getenv("FAKE_GPU_MB");
    *total = (size_t)(all ? atoi(all) : 80000) << 20;
    size_t used = ((size_t)(megabytes ? atoi(megabytes) : 500) << 20) * contexts(0);
    *free = used < *total ? *total - used : 0;
    return 0;
}

int cuGetErrorName(int code, const char **text) {
    *text = code == 218 ? "CUDA_ERROR_INVALID_PTX" : code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_UNKNOWN";
    return 0;
}

int cuModuleLoadFatBinary(void **module, const unsigned char *image) {
    uint32_t magic, header;
    memcpy(&magic, image, 4);
    if (magic != 0xBA55ED50) return 200;
    memcpy(&header, image + 20, 4);
    const unsigned char *code = image + 16 + header;
    uint32_t value = 0, id;
    memcpy(&value, code + 1, 3);
    memcpy(&id, code + 4, 4);
    if (!getenv("CUDA_CACHE_PATH") || strcmp(getenv("CUDA_MODULE_LOADING"), "EAGER") || getenv("CUDA_CACHE_DISABLE")) return 1;
    char path[512];
    snprintf(path, sizeof path, "%s/%u.bin", getenv("CUDA_CACHE_PATH"), id);
    say("begin", id);
    if (access(path, F_OK)) {
        if (code[0] == 'H') for (;;) pause();
        if (code[0] == 'A') abort();
        if (code[0] == 'E') return value;
        if (code[0] != 'T') value = 0;
        struct timespec length = {value / 1000, value % 1000 * 1000000L};
        nanosleep(&length, 0);
        FILE *file = fopen(path, "w");
        fprintf(file, "compiled %u", id);
        fclose(file);
    }
    say("end", id);
    *module = (void *)2;
    return 0;
}

int cuModuleUnload(void *module) { return module != (void *)2; }

typedef struct { unsigned long long total, free, used; } memory_t;
int nvmlInit_v2(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) {
    const char *given = getenv("FAKE_GPU_DRIVER");
    snprintf(text, size, "%s", given ? given : "580.159.04");
    return 0;
}
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 13000; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { *handle = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetName(void *handle, char *text, unsigned size) { return cuDeviceGetName(text, size, 0); }
int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) { *major = MAJOR; *minor = MINOR; return 0; }
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    memory->total = 80ull << 30; memory->free = memory->total; memory->used = 0;
    return 0;
}
