/* SPDX-License-Identifier: ISC */
#include "dht/dht.h" /* BREACH */
