/* SPDX-License-Identifier: ISC */
#include <mpi.h> /* BREACH */
#include <sqlite3.h> /* BREACH */
