/* SPDX-License-Identifier: ISC */
#include "node/node.h"
#include "node/internal.h" /* BREACH */
