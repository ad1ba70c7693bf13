# What NVMe/RDMA hosts say: private data of connect requests, capsules with their SGLs.
weft_fuzzer(rdma-private rdma-private.c LIBS weft-nvmf)
weft_fuzzer(rdma-capsule rdma-capsule.c LIBS weft-nvmf)
