/* SPDX-License-Identifier: ISC */
#include "dht/internal.h"
#include "tests/test.h"
#include "net/net.h" /* BREACH */
