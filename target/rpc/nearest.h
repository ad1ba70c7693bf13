/* SPDX-License-Identifier: BSD-3-Clause */
/* What somebody who called for a name that is not there may have meant. */
#pragma once

/* The name of names (NULL-terminated array) most like text, or NULL if none is near. */
const char *rpc_nearest(const char *text, const char *const *names);
/* What weft would need for a method of SPDK that it does not have; NULL: that is not known. */
const char *rpc_absent_part(const char *method);
