# Packets of RoCEv2, and the CM's datagrams in them.
weft_fuzzer(roce-packet roce-packet.c LIBS weft-roce)
weft_fuzzer(roce-cm roce-cm.c LIBS weft-roce)
