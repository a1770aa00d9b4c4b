/*
 * The echo server of epoll_server.c by io_uring: accept, recv, send and close are requests to the
 * kernel. The client checks every byte and that the end comes within 0.3 s; a request that fails or
 * is cancelled is harm. io_uring_enter() may say EINTR.
 */
#include "echo.h"

#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define ENTRIES 64

struct ring {
	int fd;
	unsigned int *mask, *array; /* of the submissions */
	_Atomic unsigned int *submit_tail;
	_Atomic unsigned int *done_head, *done_tail;
	unsigned int *done_mask;
	struct io_uring_sqe *requests;
	struct io_uring_cqe *done;
	unsigned int queued;
};

static char buffers[ECHO_FDS][ECHO_LONGEST];

static void *ring_map(int fd, size_t size, off_t what)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
			    what);

	expect(memory != MAP_FAILED, "mmap() of the ring: errno %d", errno);
	return memory;
}

static void ring_open(struct ring *ring)
{
	struct io_uring_params params = {0};
	char *submit, *complete;

	ring->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
	if (ring->fd < 0)
		victim_unavailable("io_uring is switched off");
	if (!(params.features & IORING_FEAT_EXT_ARG))
		victim_unavailable("io_uring without IORING_FEAT_EXT_ARG");
	submit = ring_map(ring->fd, params.sq_off.array + params.sq_entries * sizeof(unsigned int),
			  IORING_OFF_SQ_RING);
	complete = ring_map(ring->fd,
			    params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			    IORING_OFF_CQ_RING);
	ring->requests = ring_map(ring->fd, params.sq_entries * sizeof(*ring->requests),
				  IORING_OFF_SQES);
	ring->submit_tail = (_Atomic unsigned int *)(submit + params.sq_off.tail);
	ring->mask = (unsigned int *)(submit + params.sq_off.ring_mask);
	ring->array = (unsigned int *)(submit + params.sq_off.array);
	ring->done_head = (_Atomic unsigned int *)(complete + params.cq_off.head);
	ring->done_tail = (_Atomic unsigned int *)(complete + params.cq_off.tail);
	ring->done_mask = (unsigned int *)(complete + params.cq_off.ring_mask);
	ring->done = (struct io_uring_cqe *)(complete + params.cq_off.cqes);
}

static void request(struct ring *ring, int operation, int fd, size_t size)
{
	unsigned int tail = *ring->submit_tail, at = tail & *ring->mask;
	struct io_uring_sqe *entry = &ring->requests[at];

	memset(entry, 0, sizeof(*entry));
	entry->opcode = (uint8_t)operation;
	entry->fd = fd;
	if (size) {
		entry->addr = (uint64_t)(uintptr_t)buffers[fd];
		entry->len = (uint32_t)size;
	}
	entry->user_data = (uint64_t)operation << 32 | (uint32_t)fd;
	ring->array[at] = at;
	*ring->submit_tail = tail + 1;
	ring->queued++;
}

/* Submits what is queued and waits for something to be done, at most 0.1 s. */
static void enter(struct ring *ring)
{
	struct __kernel_timespec time = {.tv_nsec = 100 * MS};
	struct io_uring_getevents_arg arg = {.ts = (uint64_t)(uintptr_t)&time};
	long result = syscall(SYS_io_uring_enter, ring->fd, ring->queued, 1,
			      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));

	if (result < 0 && errno == EINTR)
		victim_tolerate();
	else if (result < 0 && errno != ETIME)
		victim_harmed("io_uring_enter(): errno %d", errno);
	else if (result > 0)
		ring->queued -= (unsigned int)result;
}

static void handle(struct ring *ring, struct echo *echo, int listener,
		   const struct io_uring_cqe *done)
{
	int operation = (int)(done->user_data >> 32), fd = (int)(uint32_t)done->user_data;

	expect(done->res >= 0, "operation %d on %d: result %d", operation, fd, done->res);
	switch (operation) {
	case IORING_OP_ACCEPT:
		echo_opened(echo, done->res);
		request(ring, IORING_OP_ACCEPT, listener, 0);
		request(ring, IORING_OP_RECV, done->res, ECHO_LONGEST);
		break;
	case IORING_OP_RECV:
		expect(done->res > 0, "recv: the client closed first");
		request(ring, IORING_OP_SEND, fd, (size_t)done->res);
		break;
	case IORING_OP_SEND:
		if (!echo_passed(echo, fd, (size_t)done->res)) {
			request(ring, IORING_OP_RECV, fd, ECHO_LONGEST);
			break;
		}
		echo_closing(echo, fd);
		request(ring, IORING_OP_CLOSE, fd, 0);
		break;
	default:
		victim_count();
	}
}

int main(void)
{
	struct context context;
	struct ring ring = {0};
	struct echo *echo;
	pid_t client;
	int listener;

	victim_start();
	ring_open(&ring);
	echo = shared_alloc(sizeof(*echo));
	listener = echo_listen(echo, 0);
	client = partner_start(echo_client, echo);
	request(&ring, IORING_OP_ACCEPT, listener, 0);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		enter(&ring);
		while (*ring.done_head != *ring.done_tail) {
			unsigned int head = *ring.done_head;

			handle(&ring, echo, listener, &ring.done[head & *ring.done_mask]);
			*ring.done_head = head + 1;
		}
		context_check(&context);
	}
	partner_end(client);
	victim_unharmed();
}
