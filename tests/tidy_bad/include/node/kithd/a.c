/* SPDX-License-Identifier: ISC */
#include "net/uv/driver.h"
#include "net/net.h" /* BREACH */
