import { randomBytes } from 'node:crypto';
import {
  problemIdSchema,
  problemVersionSchema,
  type SubmissionPhase,
  submissionPhaseSchema,
  submissionRequestSchema,
  submissionsSchema,
  submissionStateSchema,
  type SubmissionSummary,
} from '@sandpiper/contracts';
import type { SubmissionIntake } from '@sandpiper/store';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Admitted } from '../admission.js';
import { preparedSubmission } from '../bodies/bodies.js';
import type { App, Context } from '../context.js';
import { assertOwn, assertScope, identityOf, mayRead } from '../http/auth.js';
import { boundProblem } from '../judging/package-intake.js';
import { ApiProblem, errorBodySchema, notFound } from '../problems.js';
import {
  acceptedSchema,
  afterSchema,
  idempotencyHeadersSchema,
  idempotencyKeyOf,
  idParamsSchema,
  limitSchema,
  purgeSchema,
  refusals,
  submissionRefusals,
  submitterOf,
  waitSchema,
  whenClientLeaves,
} from './common.js';
import { countRefusal } from './runs.js';

const tags = ['submissions'];
const phaseOnlySchema = z.strictObject({ id: z.string(), state: submissionPhaseSchema });

const newSubmissionId = (): string => `s${randomBytes(12).toString('hex')}`;
const hasEnded = (state: SubmissionPhase): boolean => state === 'done' || state === 'cancelled';

/** Submissions: programs that are judged by the tests of a problem. */
export function submissionRoutes(app: App, context: Context): void {
  submit(app, context);
  list(app, context);
  get(app, context);
  cancel(app, context);
  rejudge(app, context);
}

function submit(app: App, context: Context): void {
  const { admission, bounds, gate, metrics, submissions } = context;
  app.post(
    '/v1/submissions',
    {
      config: { scope: 'submit', takes: 'submission' },
      schema: {
        summary: 'Submit a program to be judged',
        description:
          'By the tests of a problem of POST /v1/problems, as `sandpiper grade` judges: its runs wait their turn beside all ' +
          'other runs of the tenant.',
        tags,
        headers: idempotencyHeadersSchema,
        body: submissionRequestSchema,
        response: { 202: acceptedSchema, ...submissionRefusals, 404: refusals[404] },
      },
    },
    async (request, reply) => {
      const { idempotencyKey, fingerprint, ...made } = preparedSubmission(request);
      const key = idempotencyKeyOf(request.headers['idempotency-key'], idempotencyKey);
      const idempotency = key === undefined ? null : { key, fingerprint };
      const take = async (): Promise<Admitted> => {
        const submission = { id: newSubmissionId(), ...submitterOf(request), ...made };
        const taken = answer(await submissions.submit(submission, idempotency, bounds.judging));
        return admission.replicated('submission', taken);
      };
      const { id, replayed } = await gate
        .change(take)
        .catch((error: unknown) => countRefusal(context, error));
      if (!replayed) metrics.submitted.inc({ kind: 'submission' });
      return reply.code(202).header('Location', `/v1/submissions/${id}`).send({ id });
    },
  );
}

/** @throws ApiProblem for what was not accepted */
function answer(taken: SubmissionIntake): Admitted {
  switch (taken.outcome) {
    case 'accepted':
    case 'same':
      return { id: taken.id, replayed: taken.outcome === 'same' };
    case 'different':
      throw new ApiProblem('idempotency-conflict', 'this idempotency key was used for another request', {
        path: 'idempotencyKey',
      });
    case 'no-problem':
      throw new ApiProblem('not-found', 'no such problem, or no such version of it', { path: 'problem' });
    default:
      throw boundProblem(taken);
  }
}

function list(app: App, { gate, submissions }: Context): void {
  app.get(
    '/v1/submissions',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List submissions, the latest first',
        tags,
        querystring: z.strictObject({
          problem: problemIdSchema.optional().describe('Only those for this problem'),
          after: afterSchema,
          limit: limitSchema,
        }),
        response: { 200: submissionsSchema, ...refusals },
      },
    },
    async (request) => {
      const { tenant } = identityOf(request);
      const { problem = null, after = null, limit } = request.query;
      const found = await gate.run(() => submissions.list({ tenant, problem, after, limit }));
      const last = found.length === limit ? found.at(-1) : undefined;
      return { submissions: found, ...(last === undefined ? {} : { next: last.id }) };
    },
  );
}

function get(app: App, context: Context): void {
  const { gate, submissions, waiters } = context;
  app.get(
    '/v1/submissions/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Get the verdict on a submission, or how far its judging is',
        description:
          'A wait ends when it was judged; with a cursor already when anything has changed since the answer that had it.',
        tags,
        params: idParamsSchema,
        querystring: z.strictObject({
          wait: waitSchema,
          cursor: z.coerce.number().int().min(0).optional().describe('That of an earlier answer'),
        }),
        response: { 200: submissionStateSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { wait = 0, cursor } = request.query;
      await assertOwnSubmission(context, request, id);
      const read = (): Promise<SubmissionSummary | null> => gate.run(() => submissions.summary(id));
      const isNews = (found: SubmissionSummary | null): boolean =>
        found === null || hasEnded(found.state) || (cursor !== undefined && found.cursor !== cursor);
      await waiters.until(id, wait, whenClientLeaves(reply), read, isNews);
      const state = await gate.run(() => submissions.state(id));
      if (state === null) throw notFound('submission');
      return state;
    },
  );
}

function cancel(app: App, context: Context): void {
  const { gate, submissions } = context;
  app.delete(
    '/v1/submissions/:id',
    {
      config: { scope: 'submit', audit: 'submission.cancel' },
      schema: {
        summary: 'Cancel or remove a submission',
        description:
          'One that waits is cancelled at once, one that is being judged soon (202). With ?purge=true it is removed with its ' +
          'program, its verdicts and its idempotency key, and is unknown from then on (204). A key without the scope read ' +
          'gets only the id and the state, and cannot remove anything.',
        tags,
        params: idParamsSchema,
        querystring: purgeSchema,
        response: {
          200: z.union([submissionStateSchema, phaseOnlySchema]),
          202: z.union([submissionStateSchema, phaseOnlySchema]),
          204: z.void(),
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const purge = request.query.purge === 'true';
      if (purge) assertScope(request, 'read');
      await assertOwnSubmission(context, request, id);
      if (purge) {
        if (!(await gate.change(() => submissions.purge(id)))) throw notFound('submission');
        return reply.code(204).send();
      }
      const state = await gate.change(() => submissions.cancel(id));
      if (state === null) throw notFound('submission');
      void reply.code(hasEnded(state) ? 200 : 202);
      if (!mayRead(request)) return { id, state };
      const whole = await gate.run(() => submissions.state(id));
      if (whole === null) throw notFound('submission');
      return whole;
    },
  );
}

function rejudge(app: App, context: Context): void {
  const { gate, submissions } = context;
  app.post(
    '/v1/submissions/:id/rejudge',
    {
      config: { scope: 'submit', audit: 'submission.rejudge' },
      schema: {
        summary: 'Judge a submission again',
        description:
          'By the latest version of its problem, or by the one that is named. The earlier verdict goes into its history.',
        tags,
        params: idParamsSchema,
        querystring: z.strictObject({ version: problemVersionSchema.optional() }),
        response: { 202: acceptedSchema, ...refusals, 409: errorBodySchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await assertOwnSubmission(context, request, id);
      const outcome = await gate.change(() => submissions.rejudge(id, request.query.version ?? null));
      if (outcome === 'missing') throw notFound('submission');
      if (outcome === 'no-problem') throw notFound('version of its problem');
      if (outcome === 'waiting') {
        throw new ApiProblem(
          'not-judged-yet',
          'it has not been judged yet: wait for its verdict, or cancel it',
        );
      }
      return reply.code(202).header('Location', `/v1/submissions/${id}`).send({ id });
    },
  );
}

async function assertOwnSubmission(context: Context, request: FastifyRequest, id: string): Promise<void> {
  assertOwn(request, await context.gate.run(() => context.submissions.tenantOf(id)), 'submission');
}
