import { inspectHost, type HostReport } from '@sandpiper/controller';
import { EXIT } from './exit-codes.js';

/** `sandpiper doctor`: what this host has and lacks. 1 when something is missing that nothing works without. */
export async function doctorCommand(options: { json?: boolean }): Promise<number> {
  const report = await inspectHost();
  process.stdout.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  return report.checks.every((check) => check.ok || !check.required) ? EXIT.ok : EXIT.failed;
}

export function renderReport(report: HostReport): string {
  const width = Math.max(0, ...report.checks.map((check) => check.name.length));
  const lines: string[] = [];
  for (const check of report.checks) {
    const state = check.ok ? 'ok      ' : check.required ? 'MISSING ' : 'absent  ';
    lines.push(`${state} ${check.name.padEnd(width)}  ${check.detail}`);
    if (!check.ok && check.fix !== null)
      lines.push(`         ${' '.repeat(width)}  mend it with: ${check.fix}`);
  }
  const missing = report.checks.filter((check) => !check.ok && check.required).length;
  lines.push(
    missing === 0
      ? 'Everything that is required is here.'
      : `${missing} required ${missing === 1 ? 'thing is' : 'things are'} missing.`,
  );
  return `${lines.join('\n')}\n`;
}
