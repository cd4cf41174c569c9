import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { selfTest } from '@sandpiper/controller';
import { CheckoutCopy } from '@sandpiper/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** Kernels that lack what gVisor's lacks (native/test/lesser_kernel.h). scripts/test-gvisor runs the real one. */

const NATIVE = fileURLToPath(new URL('../../guest/native', import.meta.url));

let copy: CheckoutCopy;
beforeAll(() => {
  execFileSync('make', ['-s', '-C', NATIVE, 'weak'], { stdio: 'pipe' });
  copy = new CheckoutCopy();
});
afterAll(() => copy.remove());

function useShimOf(kernel: string): void {
  copyFileSync(`${NATIVE}/build/weak/kernel-${kernel}.so`, copy.shim);
}

/** Runs a script with the controller of the copy, and returns what it prints. */
function inCopy(script: string): string {
  const module = pathToFileURL(copy.path('packages/sandbox/controller/dist/index.js')).href;
  const words = ['--input-type=module', '-e', `import * as controller from '${module}'; ${script}`];
  return execFileSync('node', words, { encoding: 'utf8' });
}

function deterministicRun(): { status: string; said: string } {
  const { status, stdout, stderr } = ((): { status: number; stdout: string; stderr: string } => {
    try {
      const words = ['run', '--deterministic', '-c', 'print(6 * 7)'];
      const said = execFileSync(copy.path('sandpiper'), words, { encoding: 'utf8', stdio: 'pipe' });
      return { status: 0, stdout: said, stderr: '' };
    } catch (error) {
      return error as { status: number; stdout: string; stderr: string };
    }
  })();
  return { status: String(status), said: stdout + stderr };
}

it('where CLONE_PARENT is ignored, guests are forked twice, and the self-test passes', () => {
  useShimOf('IGNORES_CLONE_PARENT');
  const said = inCopy('console.log(JSON.stringify(await controller.selfTest(null)))');
  const { checks, passed } = JSON.parse(said) as Awaited<ReturnType<typeof selfTest>>;
  expect(checks.filter(({ failure }) => failure !== null)).toEqual([]);
  expect(passed).toBe(true);
});

it('where the counter of the processor cannot be hidden, deterministic runs are refused and others are not', () => {
  useShimOf('REFUSES_TSC');
  const refused = deterministicRun();
  expect(refused.said).toContain('counter');
  expect(refused.said).not.toContain('42');
  expect(refused.status).not.toBe('0');
  const words = ['run', '-c', 'print(6 * 7)'];
  expect(execFileSync(copy.path('sandpiper'), words, { encoding: 'utf8' })).toBe('42\n');
});
