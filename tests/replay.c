/* SPDX-License-Identifier: ISC */
/*
 * main() of a fuzz target without libFuzzer: feeds each file of the folders and files named, and
 * each file again cut at every 1/8, to LLVMFuzzerTestOneInput. An empty corpus is a failure.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int inputs;

/* From an exact copy on the heap, so that a read past the end is seen by the sanitizer. */
static void feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (copy == NULL)
		exit(2);
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	inputs++;
}

static void feed_file(const char *path)
{
	static uint8_t buffer[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	size_t len;

	if (f == NULL) {
		fprintf(stderr, "replay: cannot open %s\n", path);
		exit(2);
	}
	len = fread(buffer, 1, sizeof(buffer), f);
	fclose(f);
	printf("# %s: %zu bytes\n", path, len);
	fflush(stdout);
	for (size_t eighth = 0; eighth <= 8; eighth++)
		feed(buffer, len * eighth / 8);
}

static void feed_path(const char *path)
{
	struct stat info;
	struct dirent *entry;
	DIR *dir;

	if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
		feed_file(path);
		return;
	}
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL) {
		char inner[1024];

		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			feed_path(inner);
	}
	if (dir)
		closedir(dir);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		feed_path(argv[i]);
	printf("# %d inputs\n", inputs);
	if (inputs == 0)
		fprintf(stderr, "replay: the corpus is empty\n");
	return inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
