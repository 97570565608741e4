/* SPDX-License-Identifier: ISC */
/*
 * Makes a profile as a newer release would leave it, for the scripts that offer it to this one:
 *
 *	e2e_profile newer-database DIR    raises the version of account.db
 *	e2e_profile newer-key DIR         raises the format of both copies of the key file
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/internal.h"

static int newer_database(const char *dir)
{
	struct kith_rng rng = kith_crypto_system_rng();
	struct kith_profile_config cfg = {.dir = dir, .rng = &rng};
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	int status = kith_profile_open(&cfg, NULL, 0, &p);

	if (status == KITH_OK)
		status = kith_store_open(p, KITH_DB_ACCOUNT, &s);
	if (status == KITH_OK)
		status = kith__exec(s, "PRAGMA user_version=99");
	kith_store_close(s);
	kith_profile_close(p);
	return status;
}

static int newer_key(const char *dir)
{
	uint8_t bytes[KITH__KEYFILE];
	char path[1024];

	for (unsigned i = 0; i < 2; i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, kith__profile_copies[i]);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 || pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			return KITH_E_IO;
		bytes[8] = 2;
		kith_blake2b(bytes + 2016, bytes, 2016);
		if (pwrite(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			return KITH_E_IO;
		(void)close(fd);
	}
	return KITH_OK;
}

int main(int argc, char **argv)
{
	int status = KITH_E_MALFORMED;

	if (argc != 3 || kith_crypto_start() != NULL)
		return 2;
	if (strcmp(argv[1], "newer-database") == 0)
		status = newer_database(argv[2]);
	else if (strcmp(argv[1], "newer-key") == 0)
		status = newer_key(argv[2]);
	if (status != KITH_OK)
		(void)fprintf(stderr, "e2e_profile: %s\n", kith_status_text(status));
	return status == KITH_OK ? 0 : 1;
}
