/* SPDX-License-Identifier: ISC */
/* The two halves of the group mailbox. */
#ifndef KITH_BENCH_MAILBOX_H
#define KITH_BENCH_MAILBOX_H

#include "tests/bench/kith_bench_node.h"

/* The service alone, with a profile in the new folder `dir`: mailbox.put, mailbox.push. */
bool bench_mailbox_service(const char *dir);

#endif
