/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <string.h>

#include "tests/test.h"

TEST(log_order_and_loss)
{
	static struct kith_log log;
	struct kith_log_line line;
	uint64_t i;

	CHECK(!kith_log_next(&log, &line));
	for (i = 0; i < KITH_LOG_LINES + 10; i++)
		kith_log_add_number(&log, i, KITH_LOG_INFO, "line", i);
	CHECK_EQ(log.lost, 10);
	for (i = 10; i < KITH_LOG_LINES + 10; i++) {
		CHECK(kith_log_next(&log, &line));
		CHECK_EQ(line.at, i);
	}
	CHECK_STR(line.text, "line 73");
	CHECK(!kith_log_next(&log, &line));
}

TEST(log_cuts_long_lines)
{
	static struct kith_log log;
	struct kith_log_line line;
	char sentence[300];

	memset(sentence, 'x', sizeof(sentence) - 1);
	sentence[sizeof(sentence) - 1] = '\0';
	kith_log_add(&log, 1, KITH_LOG_ERROR, sentence);
	kith_log_add_number(&log, 2, KITH_LOG_WARN, sentence, UINT64_MAX);
	kith_log_add_number(&log, 3, KITH_LOG_DEBUG, "", 0);
	CHECK(kith_log_next(&log, &line));
	CHECK_EQ(strlen(line.text), KITH_LOG_TEXT - 1);
	CHECK(kith_log_next(&log, &line));
	CHECK_EQ(strlen(line.text), KITH_LOG_TEXT - 1);
	CHECK_STR(line.text + KITH_LOG_TEXT - 22, " 18446744073709551615");
	CHECK_EQ(line.level, KITH_LOG_WARN);
	CHECK(kith_log_next(&log, &line));
	CHECK_STR(line.text, " 0");
}
