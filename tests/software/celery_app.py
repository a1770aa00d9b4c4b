"""A celery application whose broker is a database and whose results are files below $WORK."""
import os

import celery

import leak

WORK = os.environ["WORK"]
os.makedirs(os.path.join(WORK, "results"), exist_ok=True)
app = celery.Celery("celery_app", broker=f"sqla+sqlite:///{WORK}/queue",
                    backend=f"file://{WORK}/results")
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_prefetch_multiplier = 4


@app.task
def hello(number):
    return leak.visit(number)
