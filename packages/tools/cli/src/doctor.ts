import { resolve } from 'node:path';
import { inspectHost, type HostReport, type TranslatedInterpreter } from '@sandpiper/controller';
import { InputError } from '@sandpiper/grading/basics';
import { EXIT } from './exit-codes.js';

export interface DoctorOptions {
  json?: boolean;
  pypy?: string;
  lib?: string;
}

/** `sandpiper doctor`: what this host has and lacks. Returns 1 when something required is missing. */
export async function doctorCommand(options: DoctorOptions): Promise<number> {
  const report = await inspectHost(translatedOf(options));
  process.stdout.write(
    options.json === true ? `${JSON.stringify(report, null, 2)}\n` : renderHostReport(report),
  );
  return report.checks.every((check) => check.ok || !check.required) ? EXIT.ok : EXIT.failed;
}

function translatedOf({ pypy, lib }: DoctorOptions): TranslatedInterpreter | null {
  if (pypy === undefined && lib === undefined) return null;
  if (pypy === undefined || lib === undefined) throw new InputError('--pypy and --lib go together');
  return { engine: 'rpython', executable: resolve(pypy), library: resolve(lib) };
}

export function renderHostReport(report: HostReport): string {
  const width = Math.max(0, ...report.checks.map((check) => check.name.length));
  const lines: string[] = [];
  for (const check of report.checks) {
    const state = check.ok ? 'ok      ' : check.required ? 'MISSING ' : 'absent  ';
    lines.push(`${state} ${check.name.padEnd(width)}  ${check.detail}`);
    if (!check.ok && check.fix !== null) lines.push(`         ${' '.repeat(width)}  fix: ${check.fix}`);
  }
  const missing = report.checks.filter((check) => !check.ok && check.required).length;
  lines.push(
    missing === 0
      ? 'All requirements are met.'
      : `${missing} ${missing === 1 ? 'requirement is' : 'requirements are'} missing.`,
  );
  return `${lines.join('\n')}\n`;
}
