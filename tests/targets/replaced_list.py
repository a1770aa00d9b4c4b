"""Sessions in a list that is replaced by a longer one each time: replaced_list.py --ready FILE."""
import gc
import sys


class Session:
    def __init__(self, number):
        self.name = "session %d" % number


sessions = []
gc.collect()
with open(sys.argv[sys.argv.index("--ready") + 1], "w") as file:
    file.write("ready")
for line in sys.stdin:
    count = len(sessions)
    sessions = ([session for session in sessions if session.name] +
                [Session(number) for number in range(count, count + 100)])
    gc.collect()
    print("done", flush=True)
