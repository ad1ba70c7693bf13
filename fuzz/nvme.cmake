# A target and hosts in a world. What target and world are built of is instrumented too.
weft_fuzzer(nvme-tcp-stream nvme-tcp-stream.c nvme-world.c input.c LIBS raw-host)
weft_fuzzer(nvme-capsule nvme-capsule.c nvme-world.c input.c LIBS raw-host)
weft_fuzzer(nvme-admin nvme-admin.c nvme-world.c input.c LIBS raw-host)
weft_fuzzer(nvme-io nvme-io.c nvme-world.c input.c LIBS raw-host)
set_tests_properties(fuzz-nvme-io fuzz-nvme-tcp-stream fuzz-nvme-capsule fuzz-nvme-admin PROPERTIES TIMEOUT 600)
