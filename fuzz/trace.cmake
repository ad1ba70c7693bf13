weft_fuzzer(weft-trace-dump weft-trace-dump.c LIBS weft-trace-parts)
