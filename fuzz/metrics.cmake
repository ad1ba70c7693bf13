weft_fuzzer(metrics-http metrics-http.c LIBS weft-metrics)
