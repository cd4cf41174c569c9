import { bytesOf, type RunResult } from '@sandpiper/contracts';
import type { SubmittedProgram } from '../submissions/submitted-program.js';

/** All files of the feedback folder, packed: the passes of a multi-pass problem share them. */
export const FEEDBACK_PACK = '/judge/feedback/.pack';
/** The same from the pass before: files that a run is given outside of its folder cannot be written. */
export const EARLIER_PACK = '/judge/earlier.pack';

const DRIVER = 'sandpiper_driver.py';

/**
 * Runs the validator as its own program would run, and packs its feedback folder however it ends. The service returns only
 * files whose names are known before the run. At most 4 MiB: it travels with every pass.
 */
const SOURCE = `import base64, json, os, runpy, sys

FOLDER, PACK, EARLIER, MOST = '/judge/feedback', '${FEEDBACK_PACK}', '${EARLIER_PACK}', 4 << 20

if os.path.exists(EARLIER):
    with open(EARLIER) as pack:
        for name, data in json.load(pack).items():
            os.makedirs(os.path.dirname(os.path.join(FOLDER, name)), exist_ok=True)
            with open(os.path.join(FOLDER, name), 'wb') as file:
                file.write(base64.b64decode(data))

def keep():
    kept, size = {}, 0
    for folder, _, names in os.walk(FOLDER):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.relpath(path, FOLDER) in ('nextpass.in', '.keep', '.pack'):
                continue
            size += os.path.getsize(path)
            if size > MOST:
                sys.stderr.write('the feedback folder has more than 4 MiB\\n')
                really_exit(1)
            with open(path, 'rb') as file:
                kept[os.path.relpath(path, FOLDER)] = base64.b64encode(file.read()).decode()
    with open(PACK, 'w') as pack:
        json.dump(kept, pack)

def exit_now(code):
    keep()
    really_exit(code)

really_exit, os._exit = os._exit, exit_now
entry = sys.argv[1]
del sys.argv[0]
try:
    runpy.run_path(entry, run_name='__main__')
finally:
    keep()
`;

/** A program that runs `program` and keeps what it leaves in its feedback folder. */
export function keepingFeedback({ entry, files }: SubmittedProgram): {
  program: SubmittedProgram;
  args: string[];
} {
  const driver = { name: DRIVER, bytes: Buffer.from(SOURCE) };
  return { program: { entry: DRIVER, files: [...files, driver] }, args: [entry] };
}

/** The pack that a run left, for the next pass; null where it left none. */
export function packOf(result: RunResult): Buffer | null {
  const found = result.outputs?.find(({ name }) => name === FEEDBACK_PACK);
  return found === undefined ? null : bytesOf(found, 'content');
}
