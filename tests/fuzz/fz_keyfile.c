/* SPDX-License-Identifier: ISC */
/* The key file: any bytes, as they are and with their checksum made right, as a thief could. */
#include <string.h>

#include "store/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const uint8_t *bytes, size_t len)
{
	static const struct kith__keyfile none;
	struct kith__keyfile kf = none;
	uint8_t master[32];
	int status;

	status = kith__keyfile_parse(&kf, bytes, len);
	if (status != KITH_OK) {
		KITH_ASSERT(status == KITH_E_MALFORMED || status == KITH_E_VERSION);
		KITH_ASSERT(memcmp(&kf, &none, sizeof(kf)) == 0);
		return;
	}
	KITH_ASSERT(kf.count >= 1 && kf.count <= KITH__WRAPPERS);
	(void)kith__keyfile_protected(&kf);
	/* without a passphrase: only what stands in the clear opens, at no cost */
	if (kith__keyfile_unwrap(&kf, NULL, 0, master) == KITH_OK &&
	    kith__keyfile_body(&kf, bytes, master) == KITH_OK)
		KITH_ASSERT(!kith__keyfile_protected(&kf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t bytes[KITH__KEYFILE];

	check(data, len);
	if (len == sizeof(bytes)) {
		memcpy(bytes, data, len);
		kith_blake2b(bytes + 2016, bytes, 2016);
		check(bytes, len);
	}
	return 0;
}
