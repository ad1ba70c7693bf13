/* SPDX-License-Identifier: BSD-3-Clause */
/* What tests of the binding to UDP may ask of its devices. */
#pragma once

#include "tests/seam/rnic-peer.h"

/* Devices made from now on do without segmentation of the kernel. */
extern bool rnic_linux_plain;
/* They meet these faults; NULL: none. */
extern struct hw_faults *rnic_linux_faults;
