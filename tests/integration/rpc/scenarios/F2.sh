bdev_rbd_create / construct_rbd_bdev pool-1 host-rbd-img-1 512 -b Ceph4      -> prints Ceph4
construct_nvmf_subsystem nqn.2016-06.io.spdk:cnode2 "trtype:RDMA traddr:10.1.1.54 trsvcid:4421" "" -a -s SPDK00000000000002
nvmf_subsystem_add_ns nqn.2016-06.io.spdk:cnode2 Ceph4
nvmf_subsystem_remove_ns nqn.2016-06.io.spdk:cnode1 1
resize_rbd_bdev Ceph2 819200          # bdev name, new size in MiB; the image is resized too
get_nvmf_subsystems ; get_bdevs ; get_nvmf_transports      # names of the 2018-2019 era, still accepted
