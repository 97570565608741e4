/* SPDX-License-Identifier: ISC */
/*
 * Scenario files (simulation.md 10): sections, `key = value`, comments, required units. One table
 * of keys; everything unknown or out of range is an error with its line, and nothing runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define LINE_MAX_BYTES 1024
#define DAY            (86400ull * 1000000u)

enum unit { COUNT, TIME, SHARE, TEXT, FLAG, RATIO, WORD };
static const struct {
	const char *section, *key;
	enum unit unit;
	size_t offset;
	size_t size;
	uint64_t min, max;
} keys[] = {
#define KEY(section, key, unit, field, min, max) \
	{ \
		section, key, unit, offsetof(struct sim_plan, field), \
			sizeof(((struct sim_plan *)0)->field), min, max \
	}
	KEY("run", "name", TEXT, name, 0, 0),
	KEY("run", "seed", COUNT, seed, 0, UINT64_MAX),
	KEY("run", "clock", TIME, clock, 0, 86399ull * 1000000u),
	KEY("run", "duration", TIME, duration, 1, 366ull * 86400u * 1000000u),
	KEY("run", "heal", TIME, heal, 0, 366ull * 86400u * 1000000u),
	KEY("nodes", "count", COUNT, nodes, 2, SIM_LAB_MAX),
	KEY("nodes", "always_on", COUNT, always_on, 1, SIM_NODES_MAX),
	KEY("nodes", "direct", FLAG, direct, 0, 1),
	KEY("latency", "min", TIME, latency_min_us, 1, 10000000),
	KEY("latency", "max", TIME, latency_max_us, 1, 10000000),
	KEY("latency", "jitter", TIME, jitter_us, 0, 10000000),
	KEY("link", "loss", SHARE, loss_ppm, 0, 1000000),
	KEY("link", "dup", SHARE, dup_ppm, 0, 1000000),
	KEY("link", "reorder", SHARE, reorder_ppm, 0, 1000000),
	KEY("link", "reorder_delay", TIME, reorder_us, 0, 10000000),
	KEY("disk", "commit", TIME, disk_us, 1, 10000000),
	KEY("mailbox", "ack_delay", TIME, ack_delay_s, 0, 86400ull * 1000000u),
	KEY("workload", "messages", COUNT, messages, 0, 1000000),
	KEY("workload", "start", TIME, message_start, 0, 366ull * 86400u * 1000000u),
	KEY("workload", "span", TIME, message_span, 1, 366ull * 86400u * 1000000u),
	KEY("workload", "degree", COUNT, degree, 1, 64),
	KEY("fault", "crashes", COUNT, crashes, 0, 1000000),
	KEY("fault", "down_min", TIME, down_min, 1, 366ull * 86400u * 1000000u),
	KEY("fault", "down_max", TIME, down_max, 1, 366ull * 86400u * 1000000u),
	KEY("expect", "lost", COUNT, expect_lost, 0, UINT32_MAX),
	KEY("expect", "doubled", COUNT, expect_doubled, 0, UINT32_MAX),
	KEY("expect", "false_states", COUNT, expect_false, 0, UINT32_MAX),
	KEY("expect", "open", COUNT, expect_open, 0, UINT32_MAX),
	KEY("nodes", "kind", WORD, lab.on, 0, 0),
	KEY("nodes", "private_books", FLAG, lab.private_books, 0, 1),
	KEY("nodes", "clients", SHARE, lab.clients_ppm, 0, 900000),
	KEY("crypto", "level", WORD, lab.real, 0, 0),
	KEY("join", "span", TIME, lab.join_span, 1, DAY),
	KEY("join", "settle", TIME, lab.settle, 1, 7 * DAY),
	KEY("join", "seeds", COUNT, lab.seeds, 1, 64),
	KEY("join", "late", COUNT, lab.joiners, 0, 10000),
	KEY("workload", "records", COUNT, lab.records, 0, 1000000),
	KEY("workload", "rounds", COUNT, lab.rounds, 1, 10000),
	KEY("workload", "lookups", COUNT, lab.lookups, 0, 10000000),
	KEY("workload", "publish_span", TIME, lab.publish_span, 1, DAY),
	KEY("workload", "publish_wait", TIME, lab.publish_wait, 1, DAY),
	KEY("workload", "lookup_span", TIME, lab.lookup_span, 1, DAY),
	KEY("workload", "late", TIME, lab.late, 0, DAY),
	KEY("workload", "retry", TIME, lab.retry, 0, DAY),
	KEY("workload", "warm", FLAG, lab.warm, 0, 1),
	KEY("workload", "idle", TIME, lab.idle, 0, 7 * DAY),
	KEY("attack", "kind", WORD, lab.attack, 0, 0),
	KEY("attack", "share", SHARE, lab.share_ppm, 0, 900000),
	KEY("attack", "ground", COUNT, lab.ground, 0, 1000),
	KEY("attack", "prefixes", COUNT, lab.prefixes, 0, 1000),
	KEY("attack", "lead", TIME, lab.lead, 0, DAY),
	KEY("attack", "probe", FLAG, lab.probe, 0, 1),
	KEY("fault", "die", SHARE, lab.die_ppm, 0, 990000),
	KEY("fault", "storm", COUNT, lab.storm, 0, 1000),
	KEY("fault", "storm_records", COUNT, lab.storm_records, 0, 4096),
	KEY("expect", "success", SHARE, lab.expect.success_ppm, 0, 1000000),
	KEY("expect", "retry", SHARE, lab.expect.retry_ppm, 0, 1000000),
	KEY("expect", "p50", RATIO, lab.expect.p50, 0, 1000000),
	KEY("expect", "p95", RATIO, lab.expect.p95, 0, 1000000),
	KEY("expect", "late_p95", RATIO, lab.expect.late_p95, 0, 1000000),
	KEY("expect", "slower", RATIO, lab.expect.slower, 0, 1000000),
	KEY("expect", "requests_p50", COUNT, lab.expect.requests_p50, 0, 1000),
	KEY("expect", "requests_p95", COUNT, lab.expect.requests_p95, 0, 1000),
	KEY("expect", "cold", COUNT, lab.expect.cold, 0, 1000000),
	KEY("expect", "warm", COUNT, lab.expect.warm, 0, 1000000),
	KEY("expect", "store_p50", RATIO, lab.expect.store_p50, 0, 1000000),
	KEY("expect", "store_p95", RATIO, lab.expect.store_p95, 0, 1000000),
	KEY("expect", "idle_sent", RATIO, lab.expect.idle_sent, 0, 100000000),
	KEY("expect", "idle_cpu", COUNT, lab.expect.idle_cpu_ppb, 0, 1000000),
	KEY("expect", "memory", COUNT, lab.expect.memory, 0, 100000000),
	KEY("expect", "ready", COUNT, lab.expect.ready_ms, 0, 1000000),
	KEY("expect", "full", COUNT, lab.expect.full_ms, 0, 1000000),
	KEY("expect", "ratio", RATIO, lab.expect.ratio, 0, 1000000),
#define KITH_DHT_PARAM(name, value) KEY("dht", #name, COUNT, lab.params.name, 0, UINT32_MAX),
	KITH_DHT_PARAMS(KITH_DHT_PARAM)
#undef KITH_DHT_PARAM
#undef KEY
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static void defaults(struct sim_plan *p)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->name, "unnamed", 8);
	p->seed = 1;
	p->nodes = 3;
	p->always_on = 1;
	p->clock = 43200u * (kith_time)KITH_US_PER_S;
	p->duration = 600u * (kith_time)KITH_US_PER_S;
	p->heal = 300u * (kith_time)KITH_US_PER_S;
	p->latency_min_us = 20000;
	p->latency_max_us = 60000;
	p->disk_us = 1000;
	p->message_start = 60u * (kith_time)KITH_US_PER_S;
	p->message_span = 60u * (kith_time)KITH_US_PER_S;
	p->degree = 1;
	p->down_min = KITH_US_PER_S;
	p->down_max = 60u * (kith_time)KITH_US_PER_S;
	p->ack_delay_s = 300;
	p->direct = true;
	p->lab.seeds = 3;
	p->lab.rounds = 1;
	p->lab.prefixes = 1000;
	p->lab.join_span = 60u * (kith_time)KITH_US_PER_S;
	p->lab.settle = 1800u * (kith_time)KITH_US_PER_S;
	p->lab.publish_span = 60u * (kith_time)KITH_US_PER_S;
	p->lab.publish_wait = 30u * (kith_time)KITH_US_PER_S;
	p->lab.lookup_span = 60u * (kith_time)KITH_US_PER_S;
	p->lab.lead = 60u * (kith_time)KITH_US_PER_S;
	p->lab.params = kith_dht_defaults();
	p->lab.expect.ratio = 1000;
}

/* Values that are words; the place of the key tells what is meant. */
static const char *assign_word(struct sim_plan *p, const char *section, const char *value)
{
	static const struct {
		const char *section, *value;
		uint32_t number;
	} words[] = {
		{"nodes", "full", 0},
		{"nodes", "dht", 1},
		{"crypto", "counted", 0},
		{"crypto", "real", 1},
		{"attack", "collude", SIM_ATTACK_COLLUDE},
		{"attack", "drop", SIM_ATTACK_DROP},
		{"attack", "poison", SIM_ATTACK_POISON},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].section, section) != 0 || strcmp(words[i].value, value) != 0)
			continue;
		if (i < 2)
			p->lab.on = words[i].number != 0;
		else if (i < 4)
			p->lab.real = words[i].number != 0;
		else
			p->lab.attack = words[i].number;
		return NULL;
	}
	return "one of full, dht (nodes), counted, real (crypto), collude, drop, poison (attack)";
}

static bool parse_scaled(const char *text, enum unit unit, uint64_t *out)
{
	static const struct {
		const char *name;
		enum unit unit;
		uint64_t scale;
	} scales[] = {
		{"us", TIME, 1},         {"ms", TIME, 1000},       {"s", TIME, 1000000},
		{"min", TIME, 60000000}, {"h", TIME, 3600000000u}, {"d", TIME, 86400000000u},
		{"%", SHARE, 10000},     {"", COUNT, 1},           {"", RATIO, 1000},
	};
	unsigned long long whole;
	unsigned long long part = 0;
	uint64_t place = 1;
	char *end;
	size_t i;

	if (*text < '0' || *text > '9')
		return false;
	whole = strtoull(text, &end, 10);
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9' && place < 10000; end++, place *= 10)
			part = part * 10 + (unsigned)(*end - '0');
	while (*end == ' ')
		end++;
	for (i = 0; i < sizeof(scales) / sizeof(scales[0]); i++)
		if (scales[i].unit == unit && strcmp(end, scales[i].name) == 0) {
			if (unit == COUNT && place != 1)
				return false;
			*out = whole * scales[i].scale + part * scales[i].scale / place;
			return true;
		}
	return false;
}

static const char *assign(struct sim_plan *p, const char *section, const char *key,
			  const char *value)
{
	uint64_t v = 0;
	uint8_t *at;
	size_t i;

	for (i = 0; i < KEYS; i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, key) == 0)
			break;
	if (i == KEYS)
		return "unknown key";
	at = (uint8_t *)p + keys[i].offset;
	if (keys[i].unit == TEXT) {
		if (strlen(value) >= keys[i].size)
			return "too long";
		memcpy(at, value, strlen(value) + 1);
		return NULL;
	}
	if (keys[i].unit == WORD)
		return assign_word(p, section, value);
	if (keys[i].unit == FLAG) {
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return "yes or no is wanted";
		*(bool *)at = value[0] == 'y';
		return NULL;
	}
	if (!parse_scaled(value, keys[i].unit, &v))
		return keys[i].unit == TIME    ? "a time with its unit is wanted (us ms s min h d)"
		       : keys[i].unit == SHARE ? "a share in % is wanted"
		       : keys[i].unit == RATIO ? "a number is wanted"
					       : "a whole number is wanted";
	if (v < keys[i].min || v > keys[i].max)
		return "out of range";
	if (at == (uint8_t *)&p->ack_delay_s)
		v /= 1000000u;
	if (keys[i].size == 4) {
		uint32_t narrow = (uint32_t)v;

		memcpy(at, &narrow, 4);
	} else {
		memcpy(at, &v, 8);
	}
	return NULL;
}

static char *trim(char *s)
{
	size_t len;

	while (*s == ' ' || *s == '\t')
		s++;
	len = strlen(s);
	while (len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL)
		s[--len] = '\0';
	return s;
}

static const char *read_line(struct sim_plan *p, char *section, size_t cap, char *line)
{
	char *hash = strchr(line, '#');
	char *equals;
	size_t len;

	if (hash != NULL)
		*hash = '\0';
	line = trim(line);
	len = strlen(line);
	if (len == 0)
		return NULL;
	if (line[0] == '[') {
		if (line[len - 1] != ']' || len - 2 >= cap)
			return "a section looks like [name]";
		memcpy(section, line + 1, len - 2);
		section[len - 2] = '\0';
		return NULL;
	}
	equals = strchr(line, '=');
	if (equals == NULL)
		return "key = value is wanted";
	*equals = '\0';
	return assign(p, section, trim(line), trim(equals + 1));
}

bool sim_scenario_check(const struct sim_plan *p, const char *name)
{
	const char *wrong = NULL;

	if (p->lab.on)
		wrong = p->lab.records == 0 && p->lab.lookups != 0 ? "lookups without records"
			: p->latency_min_us > p->latency_max_us ? "a minimum is above its maximum"
								: NULL;
	else if (p->nodes > SIM_NODES_MAX)
		wrong = "too many whole nodes";
	else if (p->always_on >= p->nodes)
		wrong = "always_on leaves no users";
	else if (p->latency_min_us > p->latency_max_us || p->down_min > p->down_max)
		wrong = "a minimum is above its maximum";
	else if (p->message_start + p->message_span + p->heal > p->duration)
		wrong = "start + span + heal is longer than the duration";
	if (wrong != NULL)
		fprintf(stderr, "%s: %s\n", name, wrong);
	return wrong == NULL;
}

bool sim_scenario_read(struct sim_plan *p, const char *path)
{
	FILE *f = fopen(path, "r");
	char section[32] = "";
	char line[LINE_MAX_BYTES + 2];
	unsigned number = 0;
	unsigned errors = 0;

	defaults(p);
	if (f == NULL) {
		fprintf(stderr, "%s: cannot be opened\n", path);
		return false;
	}
	while (fgets(line, sizeof(line), f) != NULL && errors < 20) {
		const char *wrong;

		number++;
		wrong = strlen(line) > LINE_MAX_BYTES
				? "line too long"
				: read_line(p, section, sizeof(section), line);
		if (wrong != NULL) {
			fprintf(stderr, "%s:%u: %s\n", path, number, wrong);
			errors++;
		}
	}
	fclose(f);
	return errors == 0;
}

bool sim_scenario_set(struct sim_plan *p, const char *assignment)
{
	char text[LINE_MAX_BYTES];
	const char *wrong = "section.key=value is wanted";
	char *dot;
	char *equals;

	if (strlen(assignment) < sizeof(text)) {
		memcpy(text, assignment, strlen(assignment) + 1);
		dot = strchr(text, '.');
		equals = strchr(text, '=');
		if (dot != NULL && equals != NULL && dot < equals) {
			*dot = *equals = '\0';
			wrong = assign(p, trim(text), trim(dot + 1), trim(equals + 1));
		}
	}
	if (wrong != NULL)
		fprintf(stderr, "kith-sim: --set %s: %s\n", assignment, wrong);
	return wrong == NULL;
}
