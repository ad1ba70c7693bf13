/* SPDX-License-Identifier: BSD-3-Clause */
/* What others' scripts call and weft does not have, in words. */
#include <glib.h>

#include "target/rpc/nearest.h"

/* Families of methods. */
static const struct {
	const char *prefix, *what;
} parts[] = {
	{ "bdev_compress_", "compression" },
	{ "bdev_crypto_", "encryption" },
	{ "bdev_iscsi_", "an iSCSI initiator" },
	{ "bdev_lvol_", "logical volumes" },
	{ "bdev_nvme_", "an NVMe initiator" },
	{ "bdev_ocf_", "a cache of block devices" },
	{ "bdev_raid_", "RAID" },
	{ "bdev_rbd_", "Ceph RBD images" },
	{ "bdev_split_", "parts of block devices" },
	{ "bdev_virtio_", "a virtio initiator" },
	{ "bdev_xnvme_", "xNVMe" },
	{ "bdev_zone_", "zoned block devices" },
	{ "construct_lvol_", "logical volumes" },
	{ "construct_nvme_", "an NVMe initiator" },
	{ "construct_rbd_", "Ceph RBD images" },
	{ "construct_split_", "parts of block devices" },
	{ "delete_nvme_", "an NVMe initiator" },
	{ "delete_rbd_", "Ceph RBD images" },
	{ "fsdev_", "file system devices" },
	{ "iscsi_", "an iSCSI target" },
	{ "keyring_", "a keyring" },
	{ "nbd_", "NBD exports" },
	{ "resize_rbd_", "Ceph RBD images" },
	{ "ublk_", "ublk exports" },
	{ "vfu_", "vfio-user devices" },
	{ "vhost_", "vhost controllers" },
};

const char *rpc_absent_part(const char *method)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++)
		if (g_str_has_prefix(method, parts[i].prefix))
			return parts[i].what;
	return NULL;
}
