import { Random } from '../random.js';
import { AnswerChecker } from './check.js';
import { type ApiDocument, type ApiOperation, operationsOf, type Schema } from './document.js';
import { baseOf, makeRequest, type Maker, type WireRequest } from './request.js';
import { sampler } from './sample.js';
import { ADMIN_KEY, BODY_LIMIT, FuzzedServer } from './server.js';
import { sendRequest, type WireAnswer } from './wire.js';

export interface HttpOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Requests that caused a fault before, sent first. */
  readonly known: readonly WireRequest[];
  readonly onProgress: (line: string) => void;
}

export interface HttpResult {
  readonly requests: number;
  /** Answers per operation and status. */
  readonly statuses: ReadonlyMap<string, number>;
  readonly finding: { readonly message: string; readonly requests: readonly WireRequest[] } | null;
}

/** Beyond its need with every body at its limit. Bytes. */
const MAX_MEMORY = 700 * 1024 * 1024;
const MAX_IDS = 200;
const MAX_KEPT = 50;
/** Concurrent requests, one of which checks that others are served. */
const AT_ONCE = 6;
const FLUSH_EVERY = 2000;

class Session {
  readonly random: Random;
  readonly #checker: AnswerChecker;
  readonly operations: readonly ApiOperation[];
  readonly #accepted = new Map<Schema, unknown[]>();
  readonly #ids = new Map<string, string[]>();
  readonly #maker: Maker;
  readonly statuses = new Map<string, number>();
  readonly last: WireRequest[] = [];
  requests = 0;

  constructor(
    readonly server: FuzzedServer,
    document: ApiDocument,
    seed: number,
    auth: boolean,
  ) {
    this.random = new Random(seed);
    this.#checker = new AnswerChecker(document);
    this.operations = operationsOf(document);
    this.#maker = {
      random: this.random,
      sample: sampler(document, this.random),
      ids: this.#ids,
      accepted: this.#accepted,
      bodies: this.operations.flatMap(({ requestBody }) =>
        Object.values(requestBody ?? {}).flatMap((content) =>
          content?.schema === undefined ? [] : [content.schema],
        ),
      ),
      keys: auth ? [ADMIN_KEY] : [],
      bodyLimit: BODY_LIMIT,
    };
  }

  /** @returns what is wrong with the answer to one generated request */
  one(): Promise<string | null> {
    const operation = this.operations[this.random.below(this.operations.length)] as ApiOperation;
    return this.ask(makeRequest(this.#maker, operation), operation);
  }

  async ask(request: WireRequest, operation: ApiOperation | null): Promise<string | null> {
    this.requests++;
    this.last.push(request);
    if (this.last.length > 4 * AT_ONCE) this.last.shift();
    let answer: WireAnswer | null;
    try {
      answer = await sendRequest(this.server.port, request);
    } catch (error) {
      return `${request.method} ${request.path.slice(0, 200)}: ${(error as Error).message}`;
    }
    if (this.server.dead) return `the server has ended: ${this.server.log}`;
    if (answer === null) return null; // closed: an incomplete request, or an invalid one
    const asMade =
      operation !== null && request.method === operation.method && this.#reaches(request, operation);
    const key = `${asMade ? `${operation.method} ${operation.path}` : 'other'} ${answer.status}`;
    this.statuses.set(key, (this.statuses.get(key) ?? 0) + 1);
    if (operation !== null) this.#harvest(answer, baseOf(operation.path).replace(/\/stream$/, ''));
    if (asMade && answer.status < 300) this.#keep(request, operation);
    if (request.refused !== undefined && answer.status >= 200 && answer.status < 300) {
      return `${request.method} ${request.path.slice(0, 200)}: ${answer.status}, though ${request.refused}`;
    }
    const problem = this.#checker.problemOf(asMade ? operation : null, request.method, answer);
    return problem === null
      ? null
      : `${request.method} ${request.path.slice(0, 200)}: ${problem}; log: ${this.server.log}`;
  }

  /** Whether a path with odd ids still belongs to that operation. */
  #reaches(request: WireRequest, operation: ApiOperation): boolean {
    const pattern = operation.path
      .replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&')
      .replaceAll(/\{\w+\}/g, '[\\w-]{1,200}');
    const path = request.path.split('?', 1)[0] ?? '';
    return new RegExp(`^${pattern}$`).test(path) && !/[^\x21-\x7e]/.test(request.path);
  }

  #keep(request: WireRequest, operation: ApiOperation): void {
    const schema = operation.requestBody?.['application/json']?.schema;
    if (schema === undefined || request.body === null || request.body.length > 20_000) return;
    const kept = this.#accepted.get(schema) ?? [];
    this.#accepted.set(schema, kept);
    if (kept.length >= MAX_KEPT) kept.splice(this.random.below(MAX_KEPT), 1);
    kept.push(JSON.parse(Buffer.from(request.body, 'latin1').toString()) as unknown);
  }

  /** Ids and names from the server's answers. */
  #harvest(answer: WireAnswer, base: string): void {
    const ids = this.#ids.get(base) ?? [];
    this.#ids.set(base, ids);
    for (const match of answer.body.matchAll(/"(?:id|name)":"([^"\\]{1,80})"/g)) {
      if (ids.length >= MAX_IDS) ids.splice(this.random.below(MAX_IDS), 1);
      ids.push(match[1] as string);
    }
  }

  async othersAreServed(): Promise<string | null> {
    const request: WireRequest = {
      method: 'GET',
      path: '/healthz',
      headers: {},
      body: null,
      manner: 'whole',
    };
    const answer = await sendRequest(this.server.port, request).catch((error: unknown) => String(error));
    if (answer === null || typeof answer === 'string' || answer.status !== 200)
      return `others are not served: ${JSON.stringify(answer)}`;
    return this.server.memory > MAX_MEMORY ? `the server holds ${this.server.memory} bytes` : null;
  }
}

async function documentOf(server: FuzzedServer): Promise<ApiDocument> {
  const answer = await fetch(`http://127.0.0.1:${server.port}/openapi.json`);
  return (await answer.json()) as ApiDocument;
}

async function live(session: Session, options: HttpOptions): Promise<string | null> {
  for (const request of options.known) {
    const problem = await session.ask(request, null);
    if (problem !== null) return problem;
  }
  const end = Date.now() + options.seconds * 1000;
  let tell = Date.now() + 10_000;
  let flushed = 0;
  while (Date.now() < end) {
    const asked = Array.from({ length: AT_ONCE }, () => session.one());
    const problems = await Promise.all([...asked, session.othersAreServed()]);
    const problem = problems.find((one) => one !== null);
    if (problem !== undefined) return problem;
    if (session.requests - flushed > FLUSH_EVERY) {
      flushed = session.requests;
      await session.server.empty();
    }
    if (Date.now() > tell) {
      tell = Date.now() + 10_000;
      options.onProgress(
        `${session.requests} requests, ${session.statuses.size} operations and statuses, ${session.server.memory >> 20} MiB`,
      );
    }
  }
  return null;
}

/** Fuzzes the API of a real scheduler and Redis, with requests from its own document. Odd seeds use keys. */
export async function fuzzHttp(options: HttpOptions): Promise<HttpResult> {
  const auth = options.seed % 2 === 1;
  const server = await FuzzedServer.start(auth);
  try {
    const session = new Session(server, await documentOf(server), options.seed, auth);
    const problem = await live(session, options);
    return {
      requests: session.requests,
      statuses: session.statuses,
      finding: problem === null ? null : { message: problem, requests: session.last },
    };
  } finally {
    await server.stop();
  }
}
