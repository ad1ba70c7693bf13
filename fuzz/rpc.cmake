# Clients of a whole target in a world.
weft_fuzzer(rpc-server rpc-server.c input.c LIBS weft-rpc-rig)
set_tests_properties(fuzz-rpc-server PROPERTIES TIMEOUT 600)
