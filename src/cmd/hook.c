#include "hook.h"

#include "base/clock.h"
#include "cmd/signals.h"
#include "target/proc.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

#define LOOK_EVERY (100 * NSEC_PER_MSEC)

/* What this process ignores would be ignored in the shell as well. */
static int spawn(const char *command, pid_t *ret)
{
	char shell[] = "sh", option[] = "-c";
	char *const argv[] = {shell, option, (char *)command, NULL};
	posix_spawnattr_t attributes;
	sigset_t usual;
	int errnum;

	errnum = posix_spawnattr_init(&attributes);
	if (errnum)
		return errnum;
	(void)sigemptyset(&usual);
	(void)sigaddset(&usual, SIGPIPE);
	(void)sigaddset(&usual, SIGXFSZ);
	(void)posix_spawnattr_setsigdefault(&attributes, &usual);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	errnum = posix_spawn(ret, "/bin/sh", NULL, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	return errnum;
}

/* The status of wait(2). */
static int wait_for(pid_t pid)
{
	_cleanup_close_ int end = proc_open_end(pid);
	bool told = false;
	int status = 0;
	pid_t ended;

	while (!(ended = waitpid(pid, &status, WNOHANG)) || (ended < 0 && errno == EINTR)) {
		if (signals_interrupted() && !told) {
			(void)kill(pid, SIGTERM);
			told = true;
		}
		/* Once interrupted, signals_poll() would not wait. */
		if (told)
			clock_sleep(LOOK_EVERY);
		else
			(void)signals_poll(end < 0 ? LOOK_EVERY : NSEC_PER_SEC, end);
	}
	return status;
}

struct error *hook_run(const char *command)
{
	int errnum, status;
	pid_t pid;

	errnum = spawn(command, &pid);
	if (errnum)
		return error_from_errno(errnum, "cannot run /bin/sh");
	status = wait_for(pid);
	if (WIFSIGNALED(status))
		return error_create(ERROR_OTHER, "the command was ended by signal %d (%s)",
				    WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return error_create(ERROR_OTHER, "the command ended with status %d",
				    WEXITSTATUS(status));
	return NULL;
}
