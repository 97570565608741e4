/* SPDX-License-Identifier: ISC */
#include "store/store.h"
#include "store/internal.h" /* BREACH */
