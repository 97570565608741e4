/* SPDX-License-Identifier: ISC */
/*
 * kith-sim: runs a scenario of whole nodes in virtual time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/lab.h"
#include "sim/sim.h"

static void usage(FILE *to)
{
	fputs("usage: kith-sim run FILE [--seed N] [--nodes N] [--set SECTION.KEY=VALUE]...\n"
	      "                         [--json] [--verbose]\n"
	      "       kith-sim check FILE\n"
	      "Runs the engines of kithd under a virtual clock, network and disk. The same seed\n"
	      "gives the same trace hash.\n"
	      "Exit: 0 done, 1 an expectation failed, 2 usage or scenario.\n",
	      to);
}

struct options {
	const char *verb, *file;
	bool json, verbose;
};

static bool number_option(struct sim_plan *p, const char *key, const char *value)
{
	char text[128];

	if (value == NULL || strlen(value) > 64)
		return false;
	snprintf(text, sizeof(text), "%s=%s", key, value);
	return sim_scenario_set(p, text);
}

static bool parse(int argc, char **argv, struct options *o, struct sim_plan *plan)
{
	int i;

	if (argc < 3 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "check") != 0))
		return false;
	o->verb = argv[1];
	o->file = argv[2];
	if (!sim_scenario_read(plan, o->file))
		exit(2);
	for (i = 3; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		bool ok = true;

		if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else if (strcmp(argv[i], "--verbose") == 0)
			o->verbose = true;
		else if (strcmp(argv[i], "--seed") == 0)
			ok = number_option(plan, "run.seed", argv[++i < argc ? i : i - 1]) &&
			     value != NULL;
		else if (strcmp(argv[i], "--nodes") == 0)
			ok = number_option(plan, "nodes.count", argv[++i < argc ? i : i - 1]) &&
			     value != NULL;
		else if (strcmp(argv[i], "--set") == 0 && value != NULL)
			ok = sim_scenario_set(plan, argv[++i]);
		else
			ok = false;
		if (!ok)
			return false;
	}
	return true;
}

static void tell_repeat(bool good, const char *file, const struct sim_plan *plan)
{
	if (!good)
		fprintf(stderr,
			"kith-sim: an expectation failed; repeat with: kith-sim run %s "
			"--seed %llu\n",
			file, (unsigned long long)plan->seed);
}

static int run_lab(const struct sim_plan *plan, const struct options *o)
{
	struct sim_lab lab;
	bool good;

	if (!sim_lab_init(&lab, plan)) {
		fputs("kith-sim: not enough memory\n", stderr);
		return 3;
	}
	good = sim_lab_scenario(&lab) && sim_lab_report(&lab, o->json);
	tell_repeat(good, o->file, plan);
	sim_lab_free(&lab);
	return good ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options o = {NULL, NULL, false, false};
	struct sim_plan plan;
	struct sim_world w;
	const char *wrong;
	bool good;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		usage(stdout);
		return 0;
	}
	if (!parse(argc, argv, &o, &plan)) {
		usage(stderr);
		return 2;
	}
	if (!sim_scenario_check(&plan, o.file))
		return 2;
	if (strcmp(o.verb, "check") == 0)
		return 0;
	wrong = kith_crypto_start();
	if (wrong != NULL) {
		fprintf(stderr, "kith-sim: %s\n", wrong);
		return 2;
	}
	kith_crypto_forbid_entropy();
	if (plan.lab.on)
		return run_lab(&plan, &o);
	if (!sim_world_init(&w, &plan)) {
		fputs("kith-sim: not enough memory\n", stderr);
		return 3;
	}
	w.verbose = o.verbose;
	sim_world_run(&w);
	good = sim_work_report(&w, o.json);
	tell_repeat(good, o.file, &plan);
	sim_world_free(&w);
	return good ? 0 : 1;
}
