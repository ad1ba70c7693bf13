# A line of a weftctl batch.
weft_fuzzer(weftctl-line weftctl-line.c LIBS weftctl-parts)
