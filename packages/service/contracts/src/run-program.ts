import { z } from 'zod';
import { partialLimitsSchema, stackExceedsMemory } from './limits.js';
import { REQUEST_BOUNDS } from './request-bounds.js';
import { clashOf, fileNameSchema, filePathSchema, foldersOf, placeOf, runFileSchema } from './run-files.js';
import { argsSchema, envSchema, wordsFault } from './run-words.js';

/** What a run request says of each of its programs. */
export const programFields = {
  source: z.string().max(REQUEST_BOUNDS.sourceBytes).optional().describe('The program, as text'),
  files: z.array(runFileSchema).max(REQUEST_BOUNDS.files).optional(),
  entry: fileNameSchema.optional().describe('The file to run; default main.py'),
  args: argsSchema.optional().describe('With env at most 1 MiB together, each at most 131071 bytes'),
  env: envSchema.optional(),
  outputs: z
    .array(filePathSchema)
    .max(REQUEST_BOUNDS.outputs)
    .refine(
      (names) => Buffer.byteLength(JSON.stringify(names)) <= REQUEST_BOUNDS.outputNamesBytes,
      `the names together take more than ${REQUEST_BOUNDS.outputNamesBytes} bytes`,
    )
    .optional()
    .describe(
      'Files to return in the result, as the run leaves them; absolute, or below the folder of the run',
    ),
  limits: partialLimitsSchema.optional(),
  accept: z
    .strictObject({
      weakerLimits: z
        .boolean()
        .optional()
        .describe(
          'true: run even where the node has less memory than the limit; false: only where a control group holds the memory limit',
        ),
    })
    .optional(),
} as const;

/** Text of a program, its files, and the one to begin with. */
type ProgramRequest = z.infer<z.ZodObject<typeof programFields>>;

/** What no single field can tell. */
export function checkProgram(
  request: ProgramRequest,
  context: { addIssue(issue: { code: 'custom'; path: PropertyKey[]; message: string }): void },
): void {
  const { source, files = [], entry = 'main.py', args = [], env = {}, outputs = [], limits = {} } = request;
  const say = (path: PropertyKey[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  const isEntry = files.some(({ name }) => name === entry);
  if (source === undefined && files.length === 0) say(['source'], 'give source or files');
  else if (source === undefined && !isEntry) say(['entry'], 'no file has the name of the entry');
  if (source !== undefined && isEntry) say(['files'], 'source and a file of the entry name are both given');
  const words = wordsFault(args, env);
  if (words !== null) say(words.path, words.message);
  if (stackExceedsMemory(limits)) {
    say(['limits', 'stackBytes'], 'is more than the memory limit; the stack is a part of the memory');
  }
  const names = files.map(({ name }) => name);
  if (foldersOf(names) > REQUEST_BOUNDS.folders) {
    say(
      ['files'],
      `the files lie in more than ${REQUEST_BOUNDS.folders} folders, each counted for each of its files`,
    );
  }
  const ahead = source === undefined ? [] : [entry];
  const file = clashOf([...ahead, ...names.map(placeOf)]);
  if (file !== null) say(['files', file.index - ahead.length, 'name'], file.message);
  const output = clashOf(outputs.map(placeOf));
  if (output !== null) say(['outputs', output.index], output.message);
}
