// `helm test`: makes a key of its own, submits a run, waits for its result, revokes the key. Exits 0 if the program ran.
import { readFileSync } from 'node:fs';

const { SERVER, ADMIN_KEY_FILE, TIMEOUT_SECONDS } = process.env;
const deadline = Date.now() + 1000 * Number(TIMEOUT_SECONDS);
// There are two while one replaces the other.
const adminKey = readFileSync(ADMIN_KEY_FILE, 'utf8').trim().split(',', 1)[0];
const idempotencyKey = crypto.randomUUID();

/** One request; asks again while the service is not there yet or says 429 or 503. */
async function call(method, path, key, body) {
  for (;;) {
    let what;
    try {
      const response = await fetch(SERVER + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(path === '/v1/runs' ? { 'idempotency-key': idempotencyKey } : {}),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(45_000),
      });
      const text = await response.text();
      if (response.ok) return text === '' ? null : JSON.parse(text);
      what = `${method} ${path}: ${response.status} ${text}`;
      if (response.status !== 429 && response.status !== 503) throw new Error(what, { cause: 'final' });
    } catch (error) {
      if (error.cause === 'final') throw error;
      what ??= `${method} ${path}: ${error.message} ${error.cause ?? ''}`;
    }
    if (Date.now() > deadline) throw new Error(`no answer within ${TIMEOUT_SECONDS} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function runOne(key) {
  const { id } = await call('POST', '/v1/runs', key, { source: 'print(6 * 7)' });
  process.stdout.write(`run ${id} is accepted\n`);
  for (;;) {
    const wait = Math.min(20, Math.max(1, Math.ceil((deadline - Date.now()) / 1000)));
    const { state, result } = await call('GET', `/v1/runs/${id}?wait=${wait}`, key);
    if (result !== null && result !== undefined) return result;
    if (Date.now() > deadline) {
      throw new Error(`the run is still ${state} after ${TIMEOUT_SECONDS} s: are the workers ready?`);
    }
  }
}

const created = await call('POST', '/v1/keys', adminKey, { tenant: 'helm-test', name: 'helm test' });
try {
  const { status, stdout, message } = await runOne(created.key);
  const printed = (stdout ?? '').trim();
  if (status !== 'ok' || printed !== '42') {
    throw new Error(`the run ended as ${status} and printed ${JSON.stringify(printed)}: ${message ?? ''}`);
  }
  process.stdout.write('the run printed 42: Sandpiper works\n');
} finally {
  await call('DELETE', `/v1/keys/${created.id}`, adminKey);
}
