/* SPDX-License-Identifier: ISC */
#include "net/net.h"
#include "net/uv/driver.h" /* BREACH */
#include "dht/dht.h" /* BREACH */
