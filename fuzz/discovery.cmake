# The host's reading of a discovery log, from a service made by hand.
weft_fuzzer(discovery-log discovery-log.c nvme-world.c input.c LIBS weft-host-test weft-host-parts raw-host)
set_tests_properties(fuzz-discovery-log PROPERTIES TIMEOUT 600)
