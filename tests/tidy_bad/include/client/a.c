/* SPDX-License-Identifier: ISC */
#include "node/node.h" /* BREACH */
