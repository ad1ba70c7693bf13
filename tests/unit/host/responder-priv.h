/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the two halves of the responder. */
#pragma once

#include "tests/unit/host/responder.h"

void conn_h2c_data(struct conn *c, const struct nvme_tcp_data *h, const uint8_t *data);
