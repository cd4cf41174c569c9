import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import {
  decodeBytes,
  LIVE_BOUNDS,
  type LiveClientMessage,
  liveCursorSchema,
  parseCursor,
} from '@sandpiper/contracts';
import type { FeedVerdict } from '@sandpiper/store';
import type { FastifyError, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { assertOwn, identityOf } from '../auth.js';
import { cancelRun } from '../cancel.js';
import type { App, Context } from '../context.js';
import type { KeyCheck } from '../open-streams.js';
import { followLive } from '../live-follower.js';
import { CLOSE, LiveSocket } from '../live-socket.js';
import { errorBodySchema, explain, notFound, Problem } from '../problems.js';
import { idParamsSchema, refusals } from './common.js';

/** What asks to become a WebSocket is one, or gone, after this time, milliseconds. */
const UPGRADE_MS = 30_000;

/** Connections that have not gone when the service stops are cut off after this time, milliseconds. */
const STOP_MS = 2_000;

const querySchema = z.strictObject({
  from: liveCursorSchema.optional(),
  feed: z
    .enum(['true', 'false'])
    .optional()
    .describe('false: only follows, and does not keep the input of the program open'),
});

type StreamRequest = FastifyRequest<{
  Params: z.infer<typeof idParamsSchema>;
  Querystring: z.infer<typeof querySchema>;
}>;

const DESCRIPTION =
  'A WebSocket; each message is one JSON object as text (LiveServerMessage, LiveClientMessage). The service says ' +
  '`state` at first and on each change, `output` as it comes, at the end `result`, and closes with 1000. After a break ' +
  'connect again with ?from=CURSOR of the last message that was read: nothing is lost or told twice. `restart` means ' +
  'that what ran it died, and everything told before is void. A run submitted with `live: true` is fed by `input` ' +
  '(of which `upTo` bytes may have been sent) and `end`; its input ends too when nobody who may feed it has been ' +
  'connected for a minute. Following wants the scope read, everything that a client says the scope submit. ' +
  'Close codes: 1001 the service stops, connect again; 1008 a message was wrong, or not allowed; 1013 the store is ' +
  'away, connect again.';

/**
 * Before every hook that may refuse a request: what is refused an upgrade is closed by one of this plugin's
 * own.
 * @param isTaken told of sockets that are WebSockets now
 */
export async function acceptWebSockets(app: App, isTaken: (socket: Socket) => void): Promise<void> {
  // What is answered before any hook has nobody who closes it. A socket that becomes a WebSocket loses its
  // timeout.
  app.server.on('upgrade', ({ socket }: IncomingMessage) => {
    socket.setTimeout(UPGRADE_MS, () => socket.destroy());
  });
  await app.register(websocket, {
    options: { maxPayload: LIVE_BOUNDS.clientMessage, perMessageDeflate: false },
    errorHandler: (_error, socket) => socket.terminate(),
    // Whoever follows is told by then (see `serve`); the rest is cut off.
    preClose(done) {
      const server = this.websocketServer;
      setTimeout(() => server.clients.forEach((client) => client.terminate()), STOP_MS).unref();
      server.close();
      done();
    },
  });
  app.websocketServer.on('connection', (_socket, { socket }) => isTaken(socket));
}

/** A run while it runs: output as it comes, input as it is typed. */
export function runStreamRoute(app: App, context: Context, checkKey: KeyCheck): void {
  const { streams } = context;
  app.route({
    method: 'GET',
    url: '/v1/runs/:id/stream',
    exposeHeadRoute: false,
    config: { scope: 'read' },
    schema: {
      summary: 'Follow a run, and feed it, while it runs',
      description: DESCRIPTION,
      tags: ['runs'],
      params: idParamsSchema,
      querystring: querySchema,
      response: { ...refusals, 426: errorBodySchema, 429: errorBodySchema },
    },
    async preHandler(request) {
      assertOwn(request, await context.gate.run(() => context.store.tenantOf(request.params.id)), 'run');
      streams.assertRoom(identityOf(request).tenant);
    },
    handler() {
      throw new Problem('upgrade-required', 'this is a WebSocket: connect with Upgrade: websocket');
    },
    wsHandler(socket, request) {
      const leave = streams.enter(identityOf(request).tenant);
      socket.once('close', leave);
      return serve(context, socket, request, checkKey);
    },
  });
}

async function serve(
  context: Context,
  webSocket: WebSocket,
  request: StreamRequest,
  checkKey: KeyCheck,
): Promise<void> {
  const { streams } = context;
  const { stuckMs } = streams.limits;
  const { id } = request.params;
  const { from, feed } = request.query;
  const feeder = new Feeder(context, id, request, feed !== 'false');
  const socket = new LiveSocket(webSocket, {
    onMessage: (message) => feeder.take(message),
    leaseFor: (bytes) => context.bodies.tryTake(identityOf(request).tenant, bytes),
    onPing: () => feeder.isThere(),
    explain: (error) => explain(error as FastifyError | Problem, context.log),
    ...(stuckMs === undefined ? {} : { stuckMs }),
  });
  const unwatch = streams.watchKey(request, checkKey, (problem) => void socket.fail(problem));
  webSocket.once('close', unwatch);
  try {
    for await (const message of followLive(
      context,
      id,
      identityOf(request).tenant,
      from === undefined ? null : parseCursor(from),
      socket.signal,
    )) {
      if (message.type === 'state') feeder.runIs(message.input !== null && message.state !== 'done');
      await socket.send(message);
      if (message.type === 'result') return socket.close(CLOSE.done, 'the run has ended');
    }
    socket.close(CLOSE.goingAway, 'the service stops; connect again');
  } catch (error) {
    await socket.fail(error);
  }
}

/** What one client may do with the run, and does. */
class Feeder {
  private readonly mayFeed: boolean;
  private canBeFed = false;

  constructor(
    private readonly context: Context,
    private readonly id: string,
    request: FastifyRequest,
    private readonly wants: boolean,
  ) {
    const { scopes } = identityOf(request);
    this.mayFeed = scopes.includes('submit') || scopes.includes('admin');
  }

  /** @param canBeFed it is a live one, and has not ended */
  runIs(canBeFed: boolean): void {
    const isNews = canBeFed && !this.canBeFed;
    this.canBeFed = canBeFed;
    if (isNews) this.isThere();
  }

  /** The program's input is kept open while somebody is there who could feed it. */
  isThere(): void {
    if (!this.mayFeed || !this.wants || !this.canBeFed || !this.context.gate.up) return;
    this.context.live.feederIsThere(this.id).catch(() => undefined);
  }

  async take(message: LiveClientMessage): Promise<void> {
    if (!this.mayFeed) throw new Problem('forbidden', 'this key may follow a run, not feed or end it');
    const { gate, store, live } = this.context;
    switch (message.type) {
      case 'input':
        return this.feed(message.at, decodeBytes(message.data, message.dataBase64), false);
      case 'end':
        return this.feed(message.at, new Uint8Array(), true);
      case 'interrupt':
        await gate.change(() => live.interrupt(this.id));
        return;
      case 'cancel':
        await gate.change(() => cancelRun(store, this.id));
    }
  }

  private async feed(at: number | undefined, data: Uint8Array, last: boolean): Promise<void> {
    if (!this.wants) throw new Problem('invalid-request', 'this connection only follows: feed=false');
    if (data.length > LIVE_BOUNDS.chunk) {
      throw new Problem('body-too-large', `an input message holds at most ${LIVE_BOUNDS.chunk} bytes`);
    }
    const { gate, live } = this.context;
    const { verdict } = await gate.change(() => live.feed(this.id, at ?? null, data, last));
    // What comes when the program has just ended is read by nobody, as at a terminal.
    if (verdict !== 'ok' && verdict !== 'done') throw refusalOf(verdict);
  }
}

function refusalOf(verdict: Exclude<FeedVerdict, 'ok' | 'done'>): Problem {
  switch (verdict) {
    case 'missing':
      return notFound('run');
    case 'not-live':
      return new Problem('invalid-request', 'this run is not fed: it was not submitted with live: true');
    case 'gap':
      return new Problem('invalid-request', 'the input begins behind what is here: see "received"', {
        path: 'at',
      });
    case 'ended':
      return new Problem('invalid-request', 'the input of this run has ended');
    case 'too-large':
      return new Problem('body-too-large', `the input of a run is at most ${LIVE_BOUNDS.input} bytes`);
    case 'too-fast':
      return new Problem('invalid-request', 'the input is too far ahead of the program: see "upTo"');
    case 'full':
      return new Problem('bytes-quota-exceeded', 'your runs take as many bytes as they may; try again later');
  }
}
