import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { PREPARED } from './bodies/prepared-mark.js';
import { notFound, ApiProblem } from './problems.js';

/**
 * Validates a part of a request against its schema. The problem names the path of the first wrong field, and
 * an unknown field by its name. A malformed id in the URL counts as not found.
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (data: unknown) => {
    // The body was checked while it was parsed.
    if (data === PREPARED) return { value: data };
    const parsed = schema.safeParse(data);
    if (parsed.success) return { value: parsed.data };
    const error = httpPart === 'params' ? notFound('id') : toProblem(parsed.error.issues[0], httpPart);
    return { error };
  };
};

/** @param prefix path of the validated part in the body */
export function toProblem(
  issue: z.core.$ZodIssue | undefined,
  httpPart: string | undefined,
  prefix: readonly PropertyKey[] = [],
): ApiProblem {
  if (issue === undefined) return new ApiProblem('invalid-request', 'the request is not valid');
  const inner = descend(issue);
  const deepest = { ...inner, path: [...prefix, ...inner.path] };
  if (deepest.code === 'unrecognized_keys') {
    const name = deepest.keys[0] ?? '';
    return new ApiProblem(
      'invalid-request',
      `unknown field "${name.slice(0, 100)}"`,
      pathOf([...deepest.path, name]),
    );
  }
  const where = deepest.path.length === 0 && httpPart === 'body' ? 'the body: ' : '';
  return new ApiProblem('invalid-request', `${where}${deepest.message}`, pathOf(deepest.path));
}

/** For a key or a member that fails inside a container, the inner issue has the reason. */
function descend(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_key' && issue.code !== 'invalid_element') return issue;
  const inner = issue.issues[0];
  return inner === undefined ? issue : { ...inner, path: [...issue.path, ...inner.path] };
}

function pathOf(path: readonly PropertyKey[]): { path?: string } {
  return path.length === 0 ? {} : { path: path.map(String).join('.').slice(0, 1000) };
}
