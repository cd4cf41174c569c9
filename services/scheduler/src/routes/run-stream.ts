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
import type { FeedOutcome } from '@sandpiper/store';
import type { FastifyError, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { assertOwn, identityOf } from '../http/auth.js';
import { cancelRun } from '../cancel.js';
import type { App, Context } from '../context.js';
import type { KeyCheck } from '../http/open-streams.js';
import { followLive } from '../live/live-follower.js';
import { CLOSE, LiveSocket } from '../live/live-socket.js';
import { errorBodySchema, explain, notFound, ApiProblem } from '../problems.js';
import { idParamsSchema, refusals } from './common.js';

/** Deadline for a WebSocket handshake, milliseconds. */
const UPGRADE_MS = 30_000;

/** Connections still open at shutdown are cut off after this time, milliseconds. */
const STOP_MS = 2_000;

const querySchema = z.strictObject({
  from: liveCursorSchema.optional(),
  feed: z
    .enum(['true', 'false'])
    .optional()
    .describe("false: only follow, without keeping the program's input open"),
});

type StreamRequest = FastifyRequest<{
  Params: z.infer<typeof idParamsSchema>;
  Querystring: z.infer<typeof querySchema>;
}>;

const DESCRIPTION =
  'A WebSocket; each message is one JSON object as text (LiveServerMessage, LiveClientMessage). The service says ' +
  '`state` first and on each change, `output` as it arrives, `result` at the end, and closes with 1000. After a break ' +
  'reconnect with ?from=CURSOR of the last message that was read: nothing is lost or repeated. `restart` means that ' +
  'the worker was lost and the output so far is void. A run submitted with `live: true` is fed by `input` ' +
  '(at most `upTo` bytes in total so far) and `end`; its input also ends when no client that may feed it has been ' +
  'connected for a minute. Following needs the scope read; sending any message needs the scope submit. ' +
  'Close codes: 1001 the service is stopping, reconnect; 1008 a message was invalid or not allowed; 1013 the store is ' +
  'unavailable, reconnect.';

/**
 * Register this before any hook that may refuse a request: one of its hooks closes the socket of a refused
 * upgrade.
 * @param isTaken called with each socket that has become a WebSocket
 */
export async function acceptWebSockets(app: App, isTaken: (socket: Socket) => void): Promise<void> {
  // Nothing closes a socket that is answered before any hook, so it gets a timeout, which a WebSocket
  // removes.
  app.server.on('upgrade', ({ socket }: IncomingMessage) => {
    socket.setTimeout(UPGRADE_MS, () => socket.destroy());
  });
  await app.register(websocket, {
    options: { maxPayload: LIVE_BOUNDS.clientMessage, perMessageDeflate: false },
    errorHandler: (_error, socket) => socket.terminate(),
    // Followers have been told by then (see `serve`); the rest is cut off.
    preClose(done) {
      const server = this.websocketServer;
      setTimeout(() => server.clients.forEach((client) => client.terminate()), STOP_MS).unref();
      server.close();
      done();
    },
  });
  app.websocketServer.on('connection', (_socket, { socket }) => isTaken(socket));
}

/** Follows a live run: output as it arrives, input as it is typed. */
export function runStreamRoute(app: App, context: Context, checkKey: KeyCheck): void {
  const { streams } = context;
  app.route({
    method: 'GET',
    url: '/v1/runs/:id/stream',
    exposeHeadRoute: false,
    config: { scope: 'read' },
    schema: {
      summary: 'Follow and feed a run while it runs',
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
      throw new ApiProblem(
        'upgrade-required',
        'this resource is a WebSocket: connect with Upgrade: websocket',
      );
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
    explain: (error) => explain(error as FastifyError | ApiProblem, context.log),
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
    socket.close(CLOSE.goingAway, 'the service is stopping; reconnect');
  } catch (error) {
    await socket.fail(error);
  }
}

/** The rights and the actions of one client. */
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

  /** @param canBeFed the run is live and has not ended */
  runIs(canBeFed: boolean): void {
    const isNews = canBeFed && !this.canBeFed;
    this.canBeFed = canBeFed;
    if (isNews) this.isThere();
  }

  /** The program's input stays open while a client that could feed it is connected. */
  isThere(): void {
    if (!this.mayFeed || !this.wants || !this.canBeFed || !this.context.gate.up) return;
    this.context.live.feederIsThere(this.id).catch(() => undefined);
  }

  async take(message: LiveClientMessage): Promise<void> {
    if (!this.mayFeed)
      throw new ApiProblem('forbidden', 'this key may follow the run but not feed or end it');
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
    if (!this.wants)
      throw new ApiProblem('invalid-request', 'this connection only follows the run (feed=false)');
    if (data.length > LIVE_BOUNDS.chunk) {
      throw new ApiProblem('body-too-large', `an input message may have at most ${LIVE_BOUNDS.chunk} bytes`);
    }
    const { gate, live } = this.context;
    const { outcome } = await gate.change(() => live.feed(this.id, at ?? null, data, last));
    // Input that arrives just after the end of the program is dropped, as at a terminal.
    if (outcome !== 'ok' && outcome !== 'done') throw refusalOf(outcome);
  }
}

function refusalOf(outcome: Exclude<FeedOutcome, 'ok' | 'done'>): ApiProblem {
  switch (outcome) {
    case 'missing':
      return notFound('run');
    case 'not-live':
      return new ApiProblem(
        'invalid-request',
        'this run takes no input: it was not submitted with live: true',
      );
    case 'gap':
      return new ApiProblem(
        'invalid-request',
        'the input leaves a gap after the received bytes: see "received"',
        {
          path: 'at',
        },
      );
    case 'ended':
      return new ApiProblem('invalid-request', 'the input of this run has ended');
    case 'too-large':
      return new ApiProblem(
        'body-too-large',
        `the input of a run may have at most ${LIVE_BOUNDS.input} bytes`,
      );
    case 'too-fast':
      return new ApiProblem('invalid-request', 'the input is too far ahead of the program: see "upTo"');
    case 'full':
      return new ApiProblem(
        'bytes-quota-exceeded',
        'your runs have reached your quota of bytes; try again later',
      );
  }
}
