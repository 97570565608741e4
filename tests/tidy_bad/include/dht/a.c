/* SPDX-License-Identifier: ISC */
#include "base/bytes.h"
#include "dht/internal.h"
#include "net/net.h" /* BREACH */
#include "bytes.h" /* BREACH */
