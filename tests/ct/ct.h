/* SPDX-License-Identifier: ISC */
/*
 * Constant time, checked by valgrind: secrets are declared undefined memory, and memcheck reports
 * every branch and every address that depends on one. Division is looked for in the disassembly
 * (nodiv.sh), since memcheck does not see its time.
 *
 * To add a function: write a case in ct_<file>.c that declares secrets, calls it, and declares
 * public what may be seen; add the case to the table in ct_main.c, and the function's source to
 * KITH_CT_SOURCES in CMakeLists.txt.
 */
#ifndef KITH_TEST_CT_H
#define KITH_TEST_CT_H

#include <stddef.h>

/* From here on `len` bytes at p are secret. */
void ct_secret(void *p, size_t len);
/* From here on `len` bytes at p may be seen by anybody. */
void ct_public(void *p, size_t len);
/* Ends the program unless all `len` bytes at p depend on a secret: shows that the case really led
 * its secrets through the code. */
void ct_expect_secret(const void *p, size_t len, const char *what);

/* The cases; each in the file of its subject. */
void ct_kem_keygen(void);
void ct_kem_encap(void);
void ct_kem_decap(void);
void ct_kem_decap_invalid(void);
void ct_base_equal(void);
void ct_base_is_zero(void);
void ct_base_tag(void);
void ct_base_blind_public(void);
void ct_base_blind_sign(void);
void ct_base_dh(void);
/* Must be reported: a branch, an index, and (nodiv.sh) a division that depend on a secret. */
void ct_leaky_branch(void);
void ct_leaky_index(void);
void ct_leaky_divide(void);
void ct_leaky_equal(void);
void ct_leaky_blind(void);

#endif
