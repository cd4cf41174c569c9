// takes-callbacks.mjs REDIS LEASE_MS taken|queued: does as a scheduler does with what is due, up to that point, says which
// callbacks it has, and waits to be killed.
import { CALLBACK_QUEUE } from '@sandpiper/contracts';
import { callbackJobOptions, CallbackOutbox, connectPatient, QUEUE_PREFIX } from '@sandpiper/store';
import { Queue } from 'bullmq';

const [target, leaseMs, until] = process.argv.slice(2);
const connection = connectPatient(target);
const ids = await new CallbackOutbox(connection).take(Number(leaseMs), 250);
if (until === 'queued') {
  const queue = new Queue(CALLBACK_QUEUE, { connection, prefix: QUEUE_PREFIX, skipVersionCheck: true });
  const jobs = ids.map((id) => ({
    name: 'callback',
    data: { version: 1, id },
    opts: callbackJobOptions(id, 4),
  }));
  await queue.addBulk(jobs);
}
process.send(ids);
setInterval(() => {}, 1000);
