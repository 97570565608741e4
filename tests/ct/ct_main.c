/* SPDX-License-Identifier: ISC */
/* Runs the cases whose names begin with an argument; to be run under valgrind. See ct.h. */
#include "tests/ct/ct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

enum { SECRET_MAX = 4096 };

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"kem_keygen", ct_kem_keygen},     {"kem_encap", ct_kem_encap},
	{"kem_decap", ct_kem_decap},       {"kem_decap_invalid", ct_kem_decap_invalid},
	{"base_equal", ct_base_equal},     {"base_is_zero", ct_base_is_zero},
	{"base_tag", ct_base_tag},         {"base_blind_public", ct_base_blind_public},
	{"base_dh", ct_base_dh},           {"base_blind_sign", ct_base_blind_sign},
	{"leaky_branch", ct_leaky_branch}, {"leaky_index", ct_leaky_index},
	{"leaky_divide", ct_leaky_divide}, {"leaky_equal", ct_leaky_equal},
	{"leaky_blind", ct_leaky_blind},
};

void ct_secret(void *p, size_t len)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

void ct_public(void *p, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(p, len);
}

void ct_expect_secret(const void *p, size_t len, const char *what)
{
	unsigned char bits[SECRET_MAX];

	if (len > sizeof bits || VALGRIND_GET_VBITS(p, bits, len) != 1) {
		fprintf(stderr, "%s: cannot be asked\n", what);
		exit(2);
	}
	for (size_t i = 0; i < len; i++) {
		if (bits[i] == 0) {
			fprintf(stderr, "%s: byte %zu depends on no secret\n", what, i);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	int done = 0;

	if (!RUNNING_ON_VALGRIND) {
		fprintf(stderr, "usage: valgrind --error-exitcode=1 %s <begin of a name>..\n",
			argv[0]);
		return 2;
	}
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (int a = 1; a < argc; a++) {
			if (strncmp(cases[i].name, argv[a], strlen(argv[a])) != 0)
				continue;
			cases[i].run();
			printf("ran %s\n", cases[i].name);
			done++;
			break;
		}
	}
	printf("%d cases\n", done);
	return done > 0 ? 0 : 2;
}
