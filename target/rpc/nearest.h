/* SPDX-License-Identifier: BSD-3-Clause */
/* What somebody who mistyped a name may have meant. */
#pragma once

/* The name of names (NULL-terminated array) most like text, or NULL if none is near. */
const char *rpc_nearest(const char *text, const char *const *names);
