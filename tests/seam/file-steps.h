/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of the file suite about small files. */
#pragma once

#include "hw/file.h"
#include "tests/seam/seam.h"

void file_steps_add_tests(void);
