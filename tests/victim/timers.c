/*
 * Interval timers, POSIX timers, and signals that a process sends itself. Each must come with the
 * si_code, value and address that belong to it; the expirations of a timer, overruns included, must
 * fit the time that has passed.
 */
#include "victim.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define PERIOD (4 * MS)

static volatile sig_atomic_t alarms, faults, expirations, others;
static volatile int other_code, other_value;
static timer_t timer;
static char *page;

static void on_alarm(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expect(info->si_code == SI_KERNEL, "SIGALRM: si_code %d", info->si_code);
	alarms++;
}

static void on_timer(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expect(info->si_code == SI_TIMER, "timer: si_code %d", info->si_code);
	expect(info->si_value.sival_int == 4711, "timer: value %d", info->si_value.sival_int);
	expirations += 1 + timer_getoverrun(timer);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expect(info->si_code == SEGV_ACCERR && info->si_addr == page + 100,
	       "SIGSEGV: si_code %d, address %p, %p expected", info->si_code, info->si_addr,
	       (void *)(page + 100));
	faults++;
	expect_value(0, mprotect(page, 4096, PROT_READ | PROT_WRITE));
}

static void on_other(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expect(info->si_pid == getpid(), "si_pid %d", info->si_pid);
	other_code = info->si_code;
	other_value = info->si_value.sival_int;
	others++;
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};

	expect_value(0, sigaction(number, &action, NULL));
}

static void expect_fault(void)
{
	int before = faults;

	expect_value(0, mprotect(page, 4096, PROT_READ));
	((volatile char *)page)[100] = 1;
	expect(faults == before + 1, "SIGSEGV: 1 expected, %d seen", faults - before);
	victim_count();
}

static void expect_other(const char *how, int before, int code)
{
	expect(others == before + 1, "%s: 1 signal expected, %d seen", how, others - before);
	expect(other_code == code, "%s: si_code %d expected, %d seen", how, code, other_code);
}

static void signal_self(int value)
{
	int before = others;

	expect_value(0, kill(getpid(), SIGUSR1));
	expect_other("kill()", before, SI_USER);
	expect_value(0, syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	expect_other("tgkill()", before + 1, SI_TKILL);
	expect_value(0, sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = value}));
	expect_other("sigqueue()", before + 2, SI_QUEUE);
	expect(other_value == value, "sigqueue(): value %d expected, %d seen", value, other_value);
	victim_count();
}

static void set_timer(uint64_t period)
{
	struct itimerspec spec = {.it_value = timespec_of(period),
				  .it_interval = timespec_of(period)};

	expect_value(0, timer_settime(timer, 0, &spec, NULL));
}

/* What one window of time must bring of the POSIX timer; the first is due after one period. */
static void one_window(void)
{
	uint64_t start = now(), before_stop, wanted;
	int before = expirations, seen;
	sigset_t set;

	set_timer(PERIOD);
	while (now() - start < 60 * MS) {
		expect_fault();
		signal_self((int)(now() % 10007));
		doze(3 * MS);
	}
	/* Take the last expiration before the timer stops, then count. */
	seen = expirations;
	while (expirations == seen && now() - start < HANG)
		;
	before_stop = now();
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGRTMIN);
	expect_value(0, sigprocmask(SIG_BLOCK, &set, NULL));
	seen = expirations - before;
	wanted = (before_stop - start) / PERIOD;
	set_timer(0);
	expect_value(0, sigprocmask(SIG_UNBLOCK, &set, NULL));
	expect((uint64_t)seen <= wanted + 1 + (now() - before_stop) / PERIOD &&
		       (uint64_t)seen + 1 >= wanted,
	       "timer: %lu expirations expected in %.3f ms, %d seen", (long)wanted,
	       (double)(before_stop - start) / 1e6, seen);
	victim_count();
}

int main(void)
{
	struct itimerval interval = {.it_interval.tv_usec = 7000, .it_value.tv_usec = 7000};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_value.sival_int = 4711};
	uint64_t start;

	victim_start();
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(page != MAP_FAILED, "mmap(): errno %d", errno);
	event.sigev_signo = SIGRTMIN;
	handle(SIGALRM, on_alarm);
	handle(SIGRTMIN, on_timer);
	handle(SIGSEGV, on_fault);
	handle(SIGUSR1, on_other);
	expect_value(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	expect_value(0, setitimer(ITIMER_REAL, &interval, NULL));
	start = now();
	victim_ready(getpid());
	while (!victim_told()) {
		uint64_t at = now(), most;
		int before = alarms;

		one_window();
		most = (now() - start) / (7 * MS) + 1;
		expect((uint64_t)alarms <= most, "SIGALRM: at most %lu expected, %d seen",
		       (long)most, (int)alarms);
		expect(alarms > before || now() - at < 14 * MS, "no SIGALRM in %.3f ms",
		       (double)(now() - at) / 1e6);
		expect_childless();
	}
	victim_unharmed();
}
