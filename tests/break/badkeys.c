/* SPDX-License-Identifier: ISC */
#include "tests/break/badkeys.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "tests/test.h"

static const char *const x25519[BAD_X25519] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	/* the same with the bit that X25519 ignores */
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static const char *const ed25519[BAD_ED25519] = {
	/* orders 1, 2, 4, 4, 8, 8 */
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	/* not canonical: p, p + 1, p - 1 and 1 with their sign set */
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0100000000000000000000000000000000000000000000000000000000000080",
	/* not on the curve */
	"0200000000000000000000000000000000000000000000000000000000000000",
	/* the key of the seed 00 01 .. 1f plus a point of order 2, 4, 8 */
	"ea5ef8400c31ef41e28f22e718b43f66981b29cf645af2a0e223799bedaace47",
	"62d5a653bcdb4ced227281ab7f0f2d1eebed4fb114b1aead9758cf56aeebd493",
	"b502ff3d92e31d8190b4aa4ea0414005167fad089c4de9dac8a2fc850fed4f58",
};

void bad_x25519(uint8_t out[32], unsigned i)
{
	CHECK_OK(kith_hex_decode(out, 32, x25519[i], 64));
}

void bad_ed25519(uint8_t out[32], unsigned i)
{
	CHECK_OK(kith_hex_decode(out, 32, ed25519[i], 64));
}
