/* SPDX-License-Identifier: BSD-3-Clause */
/* The digest of NVMe/TCP PDUs (transport specification 3.3.1.1), by ISA-L. */
#include <isa-l/crc.h>

#include "target/nvme/nvme.h"

uint32_t nvme_tcp_digest(uint32_t crc, const void *data, size_t len)
{
	return ~crc32_iscsi((unsigned char *)data, (int)len, ~crc);
}
