# Packets of RoCEv2, the CM's datagrams in them, and packets at a live queue pair.
weft_fuzzer(roce-packet roce-packet.c LIBS weft-roce)
weft_fuzzer(roce-cm roce-cm.c LIBS weft-roce)
weft_fuzzer(roce-qp roce-qp.c input.c LIBS weft-roce)
