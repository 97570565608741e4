/* SPDX-License-Identifier: ISC */
/* QR symbols as rows of bits; the clients draw them. */
#include <string.h>

#include <qrencode.h>

#include "base/bytes.h"
#include "node/control/internal.h"

#define ROW_BYTES_MAX 23u /* 177 modules of version 40 */

json_t *kith__control_qr(const char *text, char level)
{
	QRcode *q = QRcode_encodeString(text, 0, level == 'L' ? QR_ECLEVEL_L : QR_ECLEVEL_M,
					QR_MODE_8, 1);
	json_t *rows = json_array();
	json_t *out;

	if (q == NULL || rows == NULL) {
		QRcode_free(q);
		json_decref(rows);
		return NULL;
	}
	for (int y = 0; y < q->width; y++) {
		uint8_t bits[ROW_BYTES_MAX] = {0};
		char hex[2 * ROW_BYTES_MAX + 1];

		for (int x = 0; x < q->width; x++)
			if ((q->data[y * q->width + x] & 1) != 0)
				bits[x / 8] |= (uint8_t)(0x80 >> (x & 7));
		kith_hex_encode(hex, bits, ((size_t)q->width + 7) / 8);
		(void)json_array_append_new(rows, json_string(hex));
	}
	out = json_pack("{s:i,s:o}", "size", q->width, "rows", rows);
	QRcode_free(q);
	return out;
}
