import { Readable } from 'node:stream';
import {
  problemIdSchema,
  problemVersionSchema,
  rejudgedSchema,
  type StoredProblem,
  storedProblemSchema,
  storedProblemsSchema,
  type StoredProblemWithVersions,
  storedProblemWithVersionsSchema,
} from '@sandpiper/contracts';
import type { ProblemRecord, VersionFacts } from '@sandpiper/store';
import { z } from 'zod';
import { leaseFor } from '../bodies/bodies.js';
import type { App, Context } from '../context.js';
import { assertScope, identityOf } from '../http/auth.js';
import { INTAKE_BYTES } from '../judging/package-intake.js';
import { rejudgeAll } from '../judging/rejudge-all.js';
import { ApiProblem, errorBodySchema, notFound } from '../problems.js';
import { limitSchema, refusals, submissionRefusals } from './common.js';
import { countRefusal } from './runs.js';

const tags = ['problems'];
const paramsSchema = z.object({ id: problemIdSchema });
const versionQuerySchema = z.strictObject({ version: problemVersionSchema.optional() });

/** Problems: packages that are uploaded once, and judged by. */
export function problemRoutes(app: App, context: Context): void {
  list(app, context);
  get(app, context);
  remove(app, context);
  rejudge(app, context);
}

/** Upload of a package. A separate plugin, because no other route accepts such a body. */
export function packageIntakeRoute(app: App, context: Context): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(['application/zip', 'application/octet-stream'], (_request, payload, done) =>
    done(null, payload),
  );
  app.post(
    '/v1/problems',
    {
      config: { scope: 'submit', audit: 'problem.upload' },
      schema: {
        summary: 'Upload a problem package',
        description:
          'Content-Type: application/zip. The package is in the ICPC/Kattis format, as for `sandpiper grade`. The ' +
          'bytes are its version: the same again are the version that is there (200), others under the same id are a new ' +
          'one (201), by which submissions are judged from then on. The latest 20 versions of a problem are kept.',
        tags,
        consumes: ['application/zip'],
        querystring: z.strictObject({
          id: problemIdSchema.optional().describe('Id of the problem; by default it follows from the bytes'),
        }),
        response: {
          200: storedProblemSchema,
          201: storedProblemSchema,
          ...submissionRefusals,
          422: errorBodySchema,
        },
      },
    },
    async (request, reply): Promise<StoredProblem> => {
      // A request without a body does not reach a body parser.
      if (!(request.body instanceof Readable)) throw new ApiProblem('bad-request', 'the body is empty');
      leaseFor(request, context.bodies, INTAKE_BYTES);
      const { tenant } = identityOf(request);
      const { body, query } = request;
      const taken = await context.gate
        .change(() => context.packages.take(body, tenant, query.id ?? null))
        .catch((error: unknown) => countRefusal(context, error));
      request.made = taken.id;
      const { id, version, bytes, facts } = taken;
      void reply.code(taken.isKnown ? 200 : 201).header('Location', `/v1/problems/${id}`);
      return { id, version, bytes, uploadedAt: new Date().toISOString(), ...facts };
    },
  );
}

function list(app: App, { gate, problems }: Context): void {
  app.get(
    '/v1/problems',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List problems in the order of their ids, each by its latest version',
        tags,
        querystring: z.strictObject({
          after: problemIdSchema.optional().describe('Id of the last entry of the previous page'),
          limit: limitSchema,
        }),
        response: { 200: storedProblemsSchema, ...refusals },
      },
    },
    async (request) => {
      const { tenant } = identityOf(request);
      const { after = null, limit } = request.query;
      const found = await gate.run(() => problems.list(tenant, after, limit));
      const last = found.length === limit ? found.at(-1) : undefined;
      return { problems: found.map(shown), ...(last === undefined ? {} : { next: last.id }) };
    },
  );
}

function get(app: App, { gate, problems }: Context): void {
  app.get(
    '/v1/problems/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Get a problem and its versions',
        tags,
        params: paramsSchema,
        response: { 200: storedProblemWithVersionsSchema, ...refusals },
      },
    },
    async (request): Promise<StoredProblemWithVersions> => {
      const { tenant } = identityOf(request);
      const found = await gate.run(() => problems.get(tenant, request.params.id));
      if (found === null) throw notFound('problem');
      return { ...shown(found), versions: found.versions.map(shownVersion) };
    },
  );
}

function remove(app: App, { gate, problems }: Context): void {
  app.delete(
    '/v1/problems/:id',
    {
      config: { scope: 'submit', audit: 'problem.remove' },
      schema: {
        summary: 'Remove a problem, or one of its versions',
        description:
          'What was judged stays. A submission that still waits for a version that is removed gets the verdict JE. The key ' +
          'needs the scopes "submit" and "read".',
        tags,
        params: paramsSchema,
        querystring: versionQuerySchema,
        response: { 204: z.void(), ...refusals },
      },
    },
    async (request, reply) => {
      assertScope(request, 'read');
      const { tenant } = identityOf(request);
      const { id } = request.params;
      const { version = null } = request.query;
      const removed = await gate.change(() => problems.remove(tenant, id, version));
      if (removed === 0) throw notFound(version === null ? 'problem' : 'version of a problem');
      return reply.code(204).send();
    },
  );
}

function rejudge(app: App, { gate, problems, submissions }: Context): void {
  app.post(
    '/v1/problems/:id/rejudge',
    {
      config: { scope: 'submit', audit: 'problem.rejudge' },
      schema: {
        summary: 'Judge all submissions for a problem again',
        description:
          'By its latest version, or by the one that is named. Earlier verdicts stay in their history.',
        tags,
        params: paramsSchema,
        querystring: versionQuerySchema,
        response: { 202: rejudgedSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { tenant } = identityOf(request);
      const { id } = request.params;
      const { version } = request.query;
      const problem = await gate.run(() => problems.get(tenant, id));
      if (problem === null) throw notFound('problem');
      if (version !== undefined && !problem.versions.some((one) => one.version === version)) {
        throw notFound('version of a problem');
      }
      const done = await gate.change(() => rejudgeAll(submissions, tenant, id, version ?? problem.latest));
      return reply.code(202).send(done);
    },
  );
}

function shown({ id, latest, versions }: ProblemRecord): StoredProblem {
  const found = versions.find(({ version }) => version === latest);
  if (found === undefined) throw new Error(`the problem ${id} has no latest version`);
  return { id, ...shownVersion(found), ...found.facts };
}

const shownVersion = ({ version, bytes, uploadedAt }: VersionFacts) => ({
  version,
  bytes,
  uploadedAt: new Date(uploadedAt).toISOString(),
});
