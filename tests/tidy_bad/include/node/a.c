/* SPDX-License-Identifier: ISC */
#include "dht/dht.h"
#include "dht/internal.h" /* BREACH */
#include "node/control/control.h" /* BREACH */
