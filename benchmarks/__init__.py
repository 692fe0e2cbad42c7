"""Side-by-side timings of gpuenv against what people would type instead."""
