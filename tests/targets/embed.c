/*
 * An application that has a Python inside, as uwsgi or a game would: it lives in a thread that is
 * not the first one, and the program has another name.
 *
 *	embed SCRIPT ARGUMENT...
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct application {
	int argc;
	char **argv;
	int result;
};

static const char path_of_script[] =
	"import sys, os\n"
	"sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))\n";

static int run_script(struct application *application)
{
	FILE *script = fopen(application->argv[1], "r");

	if (!script || PyRun_SimpleString(path_of_script))
		return 1;
	return PyRun_SimpleFileEx(script, application->argv[1], 1);
}

static void *python_thread(void *data)
{
	struct application *application = data;
	PyStatus status;
	PyConfig config;

	application->result = 1;
	PyConfig_InitPythonConfig(&config);
	config.parse_argv = 0;
	status = PyConfig_SetBytesArgv(&config, application->argc - 1, application->argv + 1);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	if (PyStatus_Exception(status))
		return NULL;
	application->result = run_script(application);
	return NULL;
}

int main(int argc, char **argv)
{
	struct application application = {.argc = argc, .argv = argv};
	pthread_t thread;

	if (argc < 2 || pthread_create(&thread, NULL, python_thread, &application) ||
	    pthread_join(thread, NULL))
		return EXIT_FAILURE;
	return application.result ? EXIT_FAILURE : EXIT_SUCCESS;
}
