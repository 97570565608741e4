/* SPDX-License-Identifier: ISC */
/*
 * Contents of knock and presence records, bundles and manifests, as their signers may write them
 * (crypto.md 3, 10). What decodes must encode to the same bytes.
 */
#include <string.h>

#include "node/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t in[KITH_INNER], out[KITH_RECORD_CONTENT];
	static struct kith_presence p;
	static const uint8_t ik[32] = {1};
	struct kith_knock k;
	struct kith_bundle b;
	struct kith_manifest m;

	memset(in, 0, sizeof(in));
	if (len != 0)
		memcpy(in, data, len < sizeof(in) ? len : sizeof(in));
	if (kith__knock_decode(&k, in) == KITH_OK) {
		kith__knock_encode(out, &k);
		KITH_ASSERT(memcmp(out, in, sizeof(out)) == 0);
	}
	if (kith__presence_decode(&p, in) == KITH_OK) {
		kith__presence_encode(out, &p);
		KITH_ASSERT(memcmp(out, in, sizeof(out)) == 0);
	}
	KITH_ASSERT(kith__bundle_open(&b, in, ik, 0) != KITH_OK);
	KITH_ASSERT(kith__manifest_open(&m, data, len, ik) != KITH_OK);
	return 0;
}
