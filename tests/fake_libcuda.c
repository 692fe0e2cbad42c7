/* A stand-in for libcuda.so.1. Build with -DGOOD, -DHANG, -DONE, -DOTHER, -DNEWER or -DINIT=<error>. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef INIT
#define INIT 0
#endif

int cuInit(unsigned flags) {
#ifdef HANG
    for (;;) pause();
#endif
    puts("a driver that prints on standard output");
    return INIT;
}

int cuDriverGetVersion(int *version) {
#ifdef NEWER
    *version = 12080;
#else
    *version = 11040;
#endif
    return 0;
}

/* Like the real one: it hides GPUs where the caller left the variable in. */
int cuDeviceGetCount(int *count) {
    *count = getenv("CUDA_VISIBLE_DEVICES") ? 0 : 2;
#ifdef ONE
    *count = 1;
#endif
    return 0;
}

int cuDeviceGet(int *device, int index) { *device = index; return 0; }

int cuDeviceGetName(char *text, int size, int device) {
    snprintf(text, size, device == 0 ? "NVIDIA GeForce RTX 3080" : "NVIDIA GeForce GTX 1080 Ti");
    return 0;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (device == 0 ? 10ull : 11ull) << 30; return 0; }

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (attribute != 75 && attribute != 76) return 1;
    if (attribute == 75) *value = device == 0 ? 8 : 6;
    else *value = device == 0 ? 6 : 1;
#ifdef OTHER
    if (attribute == 75) *value = 9;
#endif
    return 0;
}
