/* SPDX-License-Identifier: ISC */
#include <sodium.h>
