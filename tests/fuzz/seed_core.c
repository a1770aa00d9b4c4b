/*
 * A small core file for the fuzzer to begin with, on standard output.
 */
#include "tiny_core.h"

#include <stdio.h>

int main(void)
{
	struct tiny_core core;

	tiny_core_init(&core, "/usr/bin/python3");
	return fwrite(&core, sizeof(core), 1, stdout) == 1 ? 0 : 1;
}
